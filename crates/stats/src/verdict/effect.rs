//! The effects on calls of a client that does not keep up.

use std::fmt;
use std::time::Duration;

use longsync_text::{Percent, duration};

use super::evidence::{Evidence, ProcessorTime};
use super::percent::percent;
use super::sign::{BUSY, OWN_CORES, busiest};
use crate::distribution::Quantile;
use crate::metric::{Statistic, Value};
use crate::moment::whole_nanos;
use crate::not_sent::NotSentReason;
use crate::percentile::Percentile;
use crate::run_loop::Loop;
use crate::share::Share;

/// A lag up to this is harmless, and so is one up to a twentieth of the response time.
const HARMLESS: Duration = Duration::from_millis(1);
const PARTS: u32 = 20;
/// More late calls than this are too many.
const MOST_LATE: Percent = percent(100_000);
/// Fewer sent calls than this are too few.
const FEWEST_SENT: Percent = percent(99_500_000);

/// An effect of the client on its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Calls were sent long after they were due.
    Lag {
        /// The p99 of lag.
        p99: Quantile,
        /// Its limit: 1 ms, or 5 % of the p99 of response time if that is more. If that percentile is slower
        /// than any value, 5 % of the longest, which is the greatest response time that is printed.
        limit: Duration,
    },
    /// Over 0.1 % of the calls due were not sent because the client had not got to them when sending was
    /// over.
    Late(Share),
    /// Under 99.5 % of the calls that were due, and had no other reason not to be sent, were sent. Reported
    /// only if too many late calls are not the cause.
    Behind(Share),
    /// In a closed loop, a worker worked for over 90 % of the time.
    Busy {
        /// Which, from 0.
        worker: usize,
        /// How much of the time.
        busy: Share,
    },
    /// In a closed loop, workers waited for a core for over 5 % of the mean service time per call.
    RunDelay {
        /// How long per ended call, on average over all workers.
        per_call: Duration,
        /// The mean service time of good calls.
        mean_service_time: Duration,
    },
}

/// All effects that the evidence shows.
pub(super) fn all(evidence: &Evidence<'_>) -> Vec<Effect> {
    match evidence.kind {
        Loop::Open => [lag(evidence), late(evidence).or_else(|| behind(evidence))]
            .into_iter()
            .flatten()
            .collect(),
        Loop::Closed => {
            let seen = evidence.processors.map(|it| [busy(it), run_delay(evidence, it)]);
            seen.into_iter().flatten().flatten().collect()
        }
    }
}

fn lag(evidence: &Evidence<'_>) -> Option<Effect> {
    let p99 = evidence.figures.lag.percentile(Percentile::P99)?;
    let of_response_time = match evidence.figures.response_time().percentile(Percentile::P99) {
        Some(Quantile::At(time) | Quantile::Beyond(time)) => time / PARTS,
        Some(Quantile::BelowZero) | None => Duration::ZERO,
    };
    let limit = HARMLESS.max(of_response_time);
    let is_over = match p99 {
        Quantile::BelowZero => false,
        Quantile::At(lag) => lag > limit,
        Quantile::Beyond(_) => true,
    };
    is_over.then_some(Effect::Lag { p99, limit })
}

fn late(evidence: &Evidence<'_>) -> Option<Effect> {
    let late = Share::of(evidence.figures.counts.not_sent[NotSentReason::Late], evidence.due)?;
    late.compare(MOST_LATE).is_gt().then_some(Effect::Late(late))
}

fn behind(evidence: &Evidence<'_>) -> Option<Effect> {
    let counts = &evidence.figures.counts;
    let excused = counts.not_sent.total() - counts.not_sent[NotSentReason::Late];
    let sent = Share::of(counts.sent, evidence.due.checked_sub(excused)?)?;
    sent.compare(FEWEST_SENT).is_lt().then_some(Effect::Behind(sent))
}

fn busy(processors: ProcessorTime<'_>) -> Option<Effect> {
    let (worker, busy) = busiest(processors)?;
    busy.compare(BUSY).is_gt().then_some(Effect::Busy { worker, busy })
}

fn run_delay(evidence: &Evidence<'_>, processors: ProcessorTime<'_>) -> Option<Effect> {
    let Value::Time(Quantile::At(mean_service_time)) =
        Statistic::Mean.of(&evidence.figures.service_time)
    else {
        return None;
    };
    let calls = u128::from(evidence.figures.counts.ended());
    let delays = processors.workers.iter().map(|it| u128::from(whole_nanos(it.runnable)));
    // Each is less than 2^64, and there are fewer workers than 2^32.
    let delay_ns: u128 = delays.sum();
    let harmless_ns = calls * u128::from(whole_nanos(mean_service_time));
    if delay_ns * u128::from(PARTS) <= harmless_ns {
        return None;
    }
    let per_call_ns = u64::try_from(delay_ns.checked_div(calls)?).unwrap_or(u64::MAX);
    Some(Effect::RunDelay { per_call: Duration::from_nanos(per_call_ns), mean_service_time })
}

impl Effect {
    /// What would help, if that does not depend on the cause.
    pub(super) fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Lag { .. } | Self::Late(_) | Self::Behind(_) => None,
            Self::Busy { .. } => Some("more --workers if cores are free, or fewer calls in flight"),
            Self::RunDelay { .. } => Some(OWN_CORES),
        }
    }
}

impl fmt::Display for Effect {
    /// One sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Lag { p99, limit } => {
                let (p99, limit) = (Value::Time(p99), duration::rounded(limit));
                write!(
                    f,
                    "Calls were sent late: p99 of lag is {p99}, and at most {limit} would be harmless."
                )
            }
            Self::Late(late) => {
                write!(
                    f,
                    "{late} of the calls due were not sent, because the client did not get to them in time."
                )
            }
            Self::Behind(sent) => {
                write!(
                    f,
                    "Only {sent} of the calls that nothing held back were sent by the end of sending."
                )
            }
            Self::Busy { worker, busy } => {
                write!(f, "Worker {worker} was busy for {} % of the time.", busy.percent())
            }
            Self::RunDelay { per_call, mean_service_time } => {
                let [per_call, mean] = [per_call, mean_service_time].map(duration::rounded);
                write!(
                    f,
                    "Workers waited for a core for {per_call} per call; the mean service time is {mean}."
                )
            }
        }
    }
}
