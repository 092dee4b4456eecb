//! Faults: what some calls get in place of an answer, or along with it.

mod failure;
mod partition;
mod reset_code;
mod seen_calls;

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::{ByteRate, Percent};

pub(crate) use self::failure::write_retry;
pub use self::failure::{Failure, FailureStatus, Pushback};
pub use self::partition::Faults;
pub(crate) use self::partition::SharesError;
pub use self::reset_code::ResetCode;
pub use self::seen_calls::SeenCalls;
use crate::written::WrittenShare;

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call ends with an error status.
    Fail(Box<Failure>),
    /// The first attempts of each call, as many as `attempts`, end with an error status.
    FailFirst {
        /// How many attempts fail.
        attempts: u32,
        /// The error.
        failure: Box<Failure>,
    },
    /// The stream is reset with this code.
    Reset(ResetCode),
    /// The call is never answered.
    Hang,
    /// The connection goes away: without a code gracefully, after the call was answered; with one, the call
    /// is not answered.
    GoAway(Option<ResetCode>),
    /// The connection is closed, or reset if `is_reset`.
    Drop {
        /// Whether the TCP connection is reset rather than closed.
        is_reset: bool,
    },
    /// The answer is sent at this rate.
    Slow(ByteRate),
    /// The end of the answer comes this much later than the rest.
    LateTrailers(Duration),
}

/// When a fault that takes the place of an answer happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultMoment {
    /// When the previous answer is out; for the first answer, when the request has been received. The call
    /// neither waits nor is queued.
    Before,
    /// When the answer was due.
    #[default]
    After,
}

/// One fault of a behavior: which calls it hits, what it does, and when.
///
/// [`Display`](fmt::Display) prints its canonical text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultClause {
    /// [`None`] for `fail_first`, which hits calls by their attempts.
    share: Option<WrittenShare>,
    fault: Fault,
    moment: FaultMoment,
    at: u32,
    /// Whether a header of Envoy asks for it.
    is_of_envoy: bool,
}

impl FaultClause {
    pub(crate) fn new(
        share: Option<WrittenShare>,
        fault: Fault,
        moment: FaultMoment,
        at: u32,
    ) -> Self {
        Self { share, fault, moment, at, is_of_envoy: false }
    }

    /// A fault that a header of Envoy asks for.
    pub(crate) fn of_envoy(share: Percent, fault: Fault) -> Self {
        let share = Some(WrittenShare::Of(share));
        Self { is_of_envoy: true, ..Self::new(share, fault, FaultMoment::After, 0) }
    }

    /// Whether it is the error that headers of Envoy ask for, rather than a fault of a behavior.
    pub fn is_abort(&self) -> bool {
        self.is_of_envoy && !self.is_answered()
    }

    /// `fail(100%, status)`, with an HTTP status from 400 to 599; [`None`] for any other status.
    pub fn http_status(status: u16) -> Option<Self> {
        let is_error = (400..=599).contains(&status);
        let share = Some(WrittenShare::Of(Percent::ALL));
        is_error.then(|| {
            let failure = Failure::of(FailureStatus::Http(status));
            Self::new(share, Fault::Fail(failure.into()), FaultMoment::After, 0)
        })
    }

    /// What it does.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// When it happens, relative to the answer whose place it takes.
    pub fn moment(&self) -> FaultMoment {
        self.moment
    }

    /// How many answers go out before it.
    pub fn at(&self) -> u32 {
        self.at
    }

    /// Whether an exchange draws it once, for the whole call; it draws the others for each message.
    pub fn is_of_call(&self) -> bool {
        let is_of_message =
            matches!(self.fault, Fault::Fail(_) | Fault::FailFirst { .. } | Fault::Hang);
        self.is_of_envoy || !is_of_message
    }

    /// Whether it takes the place of an answer, at this moment.
    pub fn ends_call_at(&self, moment: FaultMoment) -> bool {
        !self.is_answered() && self.moment == moment
    }

    /// Whether the call is answered nonetheless.
    pub fn is_answered(&self) -> bool {
        matches!(self.fault, Fault::Slow(_) | Fault::LateTrailers(_) | Fault::GoAway(None))
    }
}

impl Fault {
    /// The name of its clause.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fail(_) => "fail",
            Self::FailFirst { .. } => "fail_first",
            Self::Reset(_) => "reset",
            Self::Hang => "hang",
            Self::GoAway(_) => "goaway",
            Self::Drop { .. } => "drop",
            Self::Slow(_) => "slow",
            Self::LateTrailers(_) => "late_trailers",
        }
    }
}

impl fmt::Display for FaultClause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { share, fault, moment, at, .. } = self;
        write!(f, "{}(", fault.name())?;
        match (share, fault) {
            (Some(WrittenShare::Of(percent)), _) => write!(f, "{percent}%")?,
            (Some(WrittenShare::Rest), _) => f.write_str("rest")?,
            (None, Fault::FailFirst { attempts, .. }) => write!(f, "{attempts}")?,
            (None, _) => {}
        }
        let failure = match fault {
            Fault::Fail(failure) | Fault::FailFirst { failure, .. } => Some(failure),
            _ => None,
        };
        match fault {
            Fault::Fail(failure) | Fault::FailFirst { failure, .. } => write!(f, ", {failure}")?,
            Fault::Reset(ResetCode::INTERNAL_ERROR) | Fault::Hang | Fault::GoAway(None) => {}
            Fault::Reset(code) | Fault::GoAway(Some(code)) => write!(f, ", {code}")?,
            Fault::Drop { is_reset } => f.write_str(if *is_reset { ", rst" } else { "" })?,
            Fault::Slow(rate) => write!(f, ", {rate}")?,
            Fault::LateTrailers(by) => write!(f, ", {}", text(*by))?,
        }
        if *moment == FaultMoment::Before {
            f.write_str(", when=before")?;
        }
        if *at > 0 {
            write!(f, ", at={at}")?;
        }
        if let Some(failure) = failure {
            failure.write_options(f)?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A behavior takes at most eight bytes of memory per byte of its text, and the shortest clause,
    /// `hang(1%); `, has ten.
    #[test]
    fn a_clause_takes_little_memory() {
        assert!(size_of::<FaultClause>() <= 48, "{}", size_of::<FaultClause>());
        assert!(size_of::<Failure>() <= 64, "{}", size_of::<Failure>());
    }
}
