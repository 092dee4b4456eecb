//! When calls are due. Pure: no clock, no waiting.
//!
//! A [`Profile`] is the rate over time, and [`Arrivals`] the law by which calls arrive at that rate; a
//! [`Replay`] has times of its own, and a [`Concurrency`] is the number of calls that a closed loop keeps in
//! flight. All of them count from the schedule's 0, which is the end of the warm-up.

mod amount;
mod arrivals;
mod concurrency;
mod curve;
mod due_times;
mod law;
mod lines;
mod parse;
mod piece;
mod points;
mod profile;
mod replay;
mod schedule_error;
mod share;
mod wide;

use std::num::NonZeroUsize;
use std::time::Duration;

use longsync_stats::Moment;
use longsync_text::Rate;

pub use self::arrivals::Arrivals;
pub use self::concurrency::Concurrency;
use self::due_times::AtRate;
pub(crate) use self::due_times::PassedCalls;
pub use self::due_times::{Arrival, DueTimes};
pub use self::profile::Profile;
pub use self::replay::{Replay, Speed};
pub use self::schedule_error::ScheduleError;
pub use self::share::WorkerShare;

/// When the calls of a run are due.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// At a rate, however many calls are in flight: an open loop.
    Open {
        /// The rate over time.
        profile: Profile,
        /// The law by which calls arrive.
        arrivals: Arrivals,
        /// Selects one of the possible runs. The same seed gives the same due times on every system and with
        /// any number of workers.
        seed: u64,
    },
    /// At recorded times.
    Replay(Replay),
    /// All of them at the run's start.
    AtOnce,
    /// Not at times of their own: a call begins when another has ended, so that the number of calls in flight
    /// stays the same. Such calls have no due time, and therefore no response time and no lag.
    Closed {
        /// The number of calls in flight.
        concurrency: Concurrency,
        /// The time from the end of a call to the next call of the same caller.
        think: Duration,
    },
}

impl Schedule {
    /// At equal intervals, without end; the first at the run's start.
    pub fn constant(rate: Rate) -> Self {
        Self::open(rate, Arrivals::Constant, 0)
    }

    /// Independently of one another, without end: a Poisson process.
    pub fn poisson(rate: Rate, seed: u64) -> Self {
        Self::open(rate, Arrivals::Poisson, seed)
    }

    fn open(rate: Rate, arrivals: Arrivals, seed: u64) -> Self {
        Self::Open { profile: Profile::constant(rate), arrivals, seed }
    }

    /// In a closed loop that keeps the same number in flight, without end and without think time.
    pub fn closed(in_flight: NonZeroUsize) -> Self {
        let concurrency = Concurrency::constant(in_flight);
        Self::Closed { concurrency, think: Duration::ZERO }
    }

    /// When the schedule ends, counted from its 0: a profile ends with its last piece, and no call is due
    /// then or later; a replay ends with its last call, which is due then. [`None`] if it never ends.
    pub fn end(&self) -> Option<Duration> {
        match self {
            Self::Open { profile, .. } => profile.end(),
            Self::Replay(replay) => Some(Duration::from_nanos(replay.last_ns())),
            Self::AtOnce => None,
            Self::Closed { concurrency, .. } => concurrency.end(),
        }
    }

    /// How many calls per second it asks for at this time, counted from its 0; for a replay, the number of
    /// calls due in the second that contains this time. [`None`] for a burst and for a closed loop, which
    /// have no rate.
    #[expect(clippy::cast_precision_loss, reason = "it is shown")]
    pub fn rate_at(&self, at: Moment) -> Option<f64> {
        match self {
            Self::Open { profile, .. } => Some(profile.curve().rate_at(at.as_nanos())),
            Self::Replay(replay) => {
                const SECOND: u64 = 1_000_000_000;
                let from_ns = at.as_nanos() / SECOND * SECOND;
                let until_ns = from_ns.saturating_add(SECOND);
                Some((replay.calls_until(until_ns) - replay.calls_until(from_ns)) as f64)
            }
            Self::AtOnce | Self::Closed { .. } => None,
        }
    }

    /// The highest number of calls per second that it asks for, rounded up, if its calls are not limited by
    /// anything else: those of a replay were recorded, and those of a closed loop depend on one another.
    pub(crate) fn most_per_second(&self) -> Option<u64> {
        match self {
            Self::Open { profile, .. } => Some(profile.most_per_second()),
            Self::AtOnce => Some(u64::MAX),
            Self::Replay(_) | Self::Closed { .. } => None,
        }
    }

    /// Whether only the sum of all draws before a call tells when that call is due.
    pub(crate) fn is_summed(&self) -> bool {
        matches!(self, Self::Open { arrivals: Arrivals::Poisson, .. })
    }

    /// How many calls are due before this time, counted from its 0: exactly for constant arrivals and for
    /// replays; for random arrivals their mean, rounded up. [`None`] for a burst and for a closed loop.
    pub fn expected_calls(&self, until: Moment) -> Option<u64> {
        match self {
            Self::Open { profile, .. } => Some(profile.curve().calls_until(until.as_nanos())),
            Self::Replay(replay) => Some(replay.calls_until(until.as_nanos())),
            Self::AtOnce | Self::Closed { .. } => None,
        }
    }

    /// Whether any call is due before this time, counted from its 0, or before its end if no time is given.
    pub(crate) fn has_calls(&self, until: Option<Duration>) -> bool {
        let until = until.map_or(Moment::from_nanos(u64::MAX), |until| Moment::START + until);
        match self {
            Self::Open { .. } => self.expected_calls(until) != Some(0),
            Self::Replay(replay) => {
                replay.due_ns(0).is_some_and(|due_ns| due_ns < until.as_nanos())
            }
            Self::AtOnce => true,
            Self::Closed { concurrency, .. } => {
                let first = Some(Moment::START).filter(|start| concurrency.at(*start) > 0);
                first
                    .or_else(|| concurrency.next_change(Moment::START))
                    .is_some_and(|at| at < until)
            }
        }
    }

    /// The time, counted from its 0, by which the last of this many recorded calls, or of those due in this
    /// time, is due. [`None`] if calls have no due times.
    pub(crate) fn last_due(&self, calls: Option<u64>, time: Option<Duration>) -> Option<Duration> {
        let last = calls.and_then(|calls| self.due_of(calls.checked_sub(1)?));
        let ends = [last, time, self.end().filter(|_| self.is_open())];
        ends.into_iter().flatten().min().filter(|_| self.is_open())
    }

    /// The time by which the recorded call with this number is due.
    fn due_of(&self, number: u64) -> Option<Duration> {
        match self {
            Self::Open { .. } => self.at_rate()?.due_of(number),
            Self::Replay(replay) => replay.due_ns(number).map(Duration::from_nanos),
            Self::AtOnce => Some(Duration::ZERO),
            Self::Closed { .. } => None,
        }
    }

    fn at_rate(&self) -> Option<AtRate<'_>> {
        match self {
            Self::Open { profile, arrivals, seed } => {
                Some(AtRate { profile, arrivals: *arrivals, seed: *seed })
            }
            _ => None,
        }
    }

    fn is_open(&self) -> bool {
        !matches!(self, Self::Closed { .. })
    }

    /// The think time of a closed loop.
    pub(crate) fn think(&self) -> Option<Duration> {
        match self {
            Self::Closed { think, .. } => Some(*think),
            _ => None,
        }
    }

    /// The kind of schedule that has no rate, or number in flight, to warm up with; [`None`] if it has one.
    pub(crate) fn lacks_warm_up(&self) -> Option<&'static str> {
        const FROM_ZERO: &str = "a schedule that begins with 0";
        match self {
            Self::Open { profile, .. } => profile.first().is_zero().then_some(FROM_ZERO),
            Self::Replay(_) => Some("a replay"),
            Self::AtOnce => Some("a run whose calls are all due at once"),
            Self::Closed { concurrency, .. } => {
                (concurrency.at(Moment::START) == 0).then_some(FROM_ZERO)
            }
        }
    }

    /// The calls of one worker's share as they are due, those of the warm-up first: the warm-up has this
    /// length and the rate at which the schedule begins. Due times count from the run's start and never
    /// decrease. [`None`] if calls have no due times.
    pub fn due_times(&self, warm_up: Duration, share: WorkerShare) -> Option<DueTimes> {
        Some(match self {
            Self::Open { .. } => DueTimes::at_rate(self.at_rate()?, warm_up, share),
            Self::Replay(replay) => DueTimes::replayed(replay, warm_up, share),
            Self::AtOnce => DueTimes::at_once(warm_up, share),
            Self::Closed { .. } => return None,
        })
    }
}

#[cfg(test)]
mod tests;
