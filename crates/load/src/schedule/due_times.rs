//! Calls in the order in which they are due.

use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::Duration;

use longsync_stats::Moment;
use longsync_text::Rate;

use super::arrivals::Arrivals;
use super::curve::RateCurve;
use super::law::{ArrivalLaw, PassedPoints, RandomStream};
use super::piece::{Pieces, SchedulePiece};
use super::profile::Profile;
use super::replay::Replay;
use super::share::WorkerShare;

/// A call that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// Counted from the start of the run, which begins with the warm-up.
    pub due: Moment,
    /// Its number, from 0: among the calls of the warm-up, or among the recorded calls.
    pub number: u64,
    /// Whether it is part of the warm-up.
    pub is_warm_up: bool,
}

/// The calls of a worker in the order in which they are due, those of the warm-up first.
#[derive(Debug)]
pub struct DueTimes {
    warm_up: Option<Points>,
    recorded: RecordedTimes,
    share: WorkerShare,
    /// How many of the current part have been taken.
    taken: u64,
    warm_up_for: Duration,
    /// Whether there are no more: a random law is not asked again, as it would draw another value.
    is_over: bool,
}

#[derive(Debug)]
enum RecordedTimes {
    Points(Points),
    Replay(Replay),
    AtOnce,
}

/// The times at which the area under a curve reaches one number after the other.
#[derive(Debug)]
struct Points {
    curve: Arc<RateCurve>,
    segment: usize,
    law: ArrivalLaw,
}

/// A rate over time, and the law of the calls at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtRate<'a> {
    pub(super) profile: &'a Profile,
    pub(super) arrivals: Arrivals,
    pub(super) seed: u64,
}

impl AtRate<'_> {
    fn law(self, stream: RandomStream) -> ArrivalLaw {
        ArrivalLaw::new(self.arrivals, self.seed, stream)
    }

    /// When the recorded call with this number is due, counted from the schedule's 0; [`None`] if there is no
    /// such call. For the random laws all calls before it are drawn, unless there are so many that this would
    /// take seconds: then the result is a time by which that call is almost certainly due.
    pub(super) fn due_of(self, number: u64) -> Option<Duration> {
        /// A draw takes about 20 ns.
        const MOST_DRAWN: u64 = 20_000_000;
        /// In standard deviations of a Poisson process.
        const CERTAIN: u64 = 10;
        let (law, number) = match self.law(RandomStream::Recorded) {
            ArrivalLaw::Poisson { .. } if number > MOST_DRAWN => {
                (ArrivalLaw::Constant, number.saturating_add(CERTAIN * number.isqrt()))
            }
            // Each call is within its own slot.
            ArrivalLaw::Uniform(_) if number > MOST_DRAWN => {
                (ArrivalLaw::Constant, number.saturating_add(1))
            }
            law => (law, number),
        };
        let mut points = Points::new(self.profile.curve(), law);
        points.due_ns(number, number).map(Duration::from_nanos)
    }
}

impl DueTimes {
    /// At a rate, after a warm-up at the rate at which it begins.
    pub(super) fn at_rate(rate: AtRate<'_>, warm_up_for: Duration, share: WorkerShare) -> Self {
        let warm_up = warm_up(rate.profile.first(), warm_up_for);
        let warm_up = warm_up.map(|curve| Points::new(&curve, rate.law(RandomStream::WarmUp)));
        let recorded = Points::new(rate.profile.curve(), rate.law(RandomStream::Recorded));
        Self { warm_up, ..Self::new(RecordedTimes::Points(recorded), warm_up_for, share) }
    }

    /// At recorded times, counted from `after`.
    pub(super) fn replayed(replay: &Replay, after: Duration, share: WorkerShare) -> Self {
        Self::new(RecordedTimes::Replay(replay.clone()), after, share)
    }

    /// All at the time `after`.
    pub(super) fn at_once(after: Duration, share: WorkerShare) -> Self {
        Self::new(RecordedTimes::AtOnce, after, share)
    }

    fn new(recorded: RecordedTimes, warm_up_for: Duration, share: WorkerShare) -> Self {
        Self { warm_up: None, recorded, share, taken: 0, warm_up_for, is_over: false }
    }
}

/// The calls that were passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PassedCalls {
    /// How many of them were calls of the warm-up.
    pub(crate) warm_up: u64,
    /// How many were recorded calls.
    pub(crate) recorded: u64,
    /// When the last of them was due.
    pub(crate) last_due: Option<Moment>,
    /// Whether there are no more.
    pub(crate) is_complete: bool,
}

impl DueTimes {
    /// Passes over the worker's calls that are due before `until`, and of the recorded ones only over those
    /// with numbers below `calls`. However many there are, that takes one step; only for Poisson arrivals
    /// each call of the run is drawn: then at most `most` are passed over, and the rest is left for the next
    /// time.
    pub(crate) fn pass(&mut self, until: Moment, calls: u64, most: u64) -> PassedCalls {
        let (mut warm_up, mut last_due) = (0, None);
        if self.is_over {
            return PassedCalls { warm_up, recorded: 0, last_due, is_complete: true };
        }
        let begins = Moment::START + self.warm_up_for;
        if let Some(points) = &mut self.warm_up {
            let until_ns = until.as_nanos();
            let passed = points.pass(until_ns, self.share, &mut self.taken, u64::MAX, most);
            (warm_up, last_due) = (passed.count, points.due_of(passed.last));
            if !passed.is_complete || until <= begins {
                let is_complete = passed.is_complete;
                return PassedCalls { warm_up, recorded: 0, last_due, is_complete };
            }
            self.warm_up = None;
            self.taken = 0;
        }
        if until <= begins {
            return PassedCalls { warm_up, recorded: 0, last_due, is_complete: true };
        }
        let until_ns = until.as_nanos() - begins.as_nanos();
        let (before, share) = (self.taken, self.share);
        let (last_ns, is_complete) = match &mut self.recorded {
            RecordedTimes::Points(points) => {
                let passed = points.pass(until_ns, share, &mut self.taken, calls, most);
                (points.due_of(passed.last).map(Moment::as_nanos), passed.is_complete)
            }
            RecordedTimes::Replay(replay) => {
                let below = share.count_below(replay.calls_until(until_ns).min(calls));
                self.taken = self.taken.max(below);
                let last = self.taken.checked_sub(1).map(|nth| share.number(nth));
                (last.and_then(|number| replay.due_ns(number)), true)
            }
            RecordedTimes::AtOnce => {
                self.taken = self.taken.max(share.count_below(calls));
                (Some(0), true)
            }
        };
        let recorded = self.taken - before;
        let last_ns = last_ns.filter(|_| recorded > 0);
        let last = last_ns.map(|due_ns| Moment::from_nanos(due_ns) + self.warm_up_for);
        PassedCalls { warm_up, recorded, last_due: last.or(last_due), is_complete }
    }
}

/// A warm-up of this length at this rate; [`None`] if it has no calls.
fn warm_up(rate: Rate, length: Duration) -> Option<Arc<RateCurve>> {
    let mut pieces = Pieces::default();
    pieces.push(SchedulePiece::Constant { amount: rate, length: Some(length) }).ok()?;
    Some(Arc::new(RateCurve::new(pieces)))
}

impl DueTimes {
    fn draw(&mut self) -> Option<Arrival> {
        if let Some(points) = &mut self.warm_up {
            let number = self.share.number(self.taken);
            if let Some(due_ns) = points.due_ns(number, self.share.skipped(self.taken)) {
                self.taken += 1;
                return Some(Arrival { due: Moment::from_nanos(due_ns), number, is_warm_up: true });
            }
            self.warm_up = None;
            self.taken = 0;
        }
        let number = self.share.number(self.taken);
        let due_ns = match &mut self.recorded {
            RecordedTimes::Points(points) => {
                points.due_ns(number, self.share.skipped(self.taken))?
            }
            RecordedTimes::Replay(replay) => replay.due_ns(number)?,
            RecordedTimes::AtOnce => 0,
        };
        self.taken += 1;
        let due = Moment::from_nanos(due_ns) + self.warm_up_for;
        Some(Arrival { due, number, is_warm_up: false })
    }
}

impl Iterator for DueTimes {
    type Item = Arrival;

    /// The worker's next call. Due times never decrease.
    fn next(&mut self) -> Option<Arrival> {
        if self.is_over {
            return None;
        }
        let arrival = self.draw();
        self.is_over = arrival.is_none();
        arrival
    }
}

impl FusedIterator for DueTimes {}

impl Points {
    fn new(curve: &Arc<RateCurve>, law: ArrivalLaw) -> Self {
        Self { curve: Arc::clone(curve), segment: 0, law }
    }

    /// When call `number` is due; the given number of calls before it belong to other workers.
    fn due_ns(&mut self, number: u64, skipped: u64) -> Option<u64> {
        let reached = self.law.next(number, skipped);
        self.curve.time_of(reached, &mut self.segment)
    }

    /// Passes over the calls that are due before this time; see [`ArrivalLaw::pass`].
    fn pass(
        &mut self,
        until_ns: u64,
        share: WorkerShare,
        taken: &mut u64,
        calls: u64,
        most: u64,
    ) -> PassedPoints {
        self.law.pass(self.curve.area_until(until_ns), share, taken, calls, most)
    }

    /// When the area reaches the value of a call that was passed over.
    fn due_of(&mut self, reached: Option<u128>) -> Option<Moment> {
        self.curve.time_of(reached?, &mut self.segment).map(Moment::from_nanos)
    }
}
