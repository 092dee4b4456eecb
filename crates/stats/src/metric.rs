//! The metrics of thresholds and stop rules. Pure.

mod statistic;
mod timed;
mod value;

use std::fmt;
use std::time::Duration;

use longsync_text::said::quoted;

pub(crate) use self::statistic::Statistic;
use self::statistic::begins_as_percentile;
pub(crate) use self::timed::CallTime;
pub use self::value::Value;
use crate::counts::Counts;
use crate::distribution::Distribution;
use crate::figures::Figures;
use crate::run_loop::Loop;
use crate::share::Share;

/// One figure of many calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// A time. Without a figure it is the response time, in a closed loop the service time.
    Time(Option<CallTime>, Statistic),
    /// Failed calls among those that ended.
    Errors,
    /// Calls that were not sent among those that were due.
    NotSent,
    /// Good answers per second.
    Rate,
}

impl Metric {
    /// Reads one: `p99`, `added.mean`, `errors`.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        match text {
            "errors" => return Ok(Self::Errors),
            "not_sent" => return Ok(Self::NotSent),
            "rate" => return Ok(Self::Rate),
            _ => {}
        }
        let (figure, statistic) = match text.split_once('.') {
            Some((figure, statistic)) if !begins_as_percentile(text) => (Some(figure), statistic),
            _ => (None, text),
        };
        let refused = |what| Err(format!("{} is not measured: {what}", quoted(text)));
        let timed = figure.map(CallTime::read);
        if timed == Some(None) {
            return refused("before the dot, write response, service, added or lag");
        }
        match (Statistic::read(statistic)?, timed) {
            (Some(statistic), timed) => Ok(Self::Time(timed.flatten(), statistic)),
            (None, Some(_)) => {
                refused("after the dot, write mean, max or a percentile such as p99")
            }
            (None, None) => {
                refused("write mean, max, a percentile such as p99, errors, not_sent or rate")
            }
        }
    }

    /// Why it is not measured in this kind of loop, and what to do.
    pub(crate) fn missing_in(self, kind: Loop) -> Option<&'static str> {
        match (kind, self) {
            (Loop::Closed, Self::Time(Some(CallTime::Response), _)) => Some(
                "a closed loop has no response time, because none of its calls is due at a given time: write \
                 service. instead of response., or give a rate",
            ),
            (Loop::Closed, Self::Time(Some(CallTime::Lag), _)) => Some(
                "a closed loop has no lag, because none of its calls is due at a given time: give a rate",
            ),
            (Loop::Closed, Self::NotSent) => Some(
                "a closed loop sends every call that it has, because none is due at a given time: give a rate",
            ),
            _ => None,
        }
    }

    /// Its value for calls that were recorded over a time, and whether too few of them are above it for it to
    /// say much.
    pub(crate) fn of(self, kind: Loop, figures: &Figures, recorded: Duration) -> (Value, bool) {
        if self.missing_in(kind).is_some() {
            return (Value::Unmeasured, false);
        }
        if let Self::Time(figure, statistic) = self {
            let mut times = Distribution::default();
            CallTime::meant(figure, kind).add_to(&mut times, figures);
            return (statistic.of(&times), statistic.is_marked(&times));
        }
        (self.counted(&figures.counts, recorded), false)
    }

    /// Its value for these counts, by which a time is not measured.
    pub(crate) fn counted(self, counts: &Counts, recorded: Duration) -> Value {
        match self {
            Self::Errors => Share::of(counts.failed(), counts.ended()).into(),
            Self::NotSent => Share::of(counts.not_sent.total(), counts.due()).into(),
            Self::Rate if !recorded.is_zero() => Value::Rate { calls: counts.good, time: recorded },
            Self::Rate | Self::Time(..) => Value::Unmeasured,
        }
    }
}

impl fmt::Display for Metric {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(None, statistic) => statistic.fmt(f),
            Self::Time(Some(figure), statistic) => write!(f, "{}.{statistic}", figure.name()),
            Self::Errors => f.write_str("errors"),
            Self::NotSent => f.write_str("not_sent"),
            Self::Rate => f.write_str("rate"),
        }
    }
}
