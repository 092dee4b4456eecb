//! Calls in the order in which they are due.

use std::sync::Arc;
use std::time::Duration;

use longsync_stats::Moment;
use longsync_text::Rate;

use super::arrivals::Arrivals;
use super::curve::RateCurve;
use super::law::{ArrivalLaw, RandomStream};
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
        Self { warm_up: None, recorded, share, taken: 0, warm_up_for }
    }
}

/// A warm-up of this length at this rate; [`None`] if it has no calls.
fn warm_up(rate: Rate, length: Duration) -> Option<Arc<RateCurve>> {
    let mut pieces = Pieces::default();
    pieces.push(SchedulePiece::Constant { amount: rate, length: Some(length) }).ok()?;
    Some(Arc::new(RateCurve::new(pieces)))
}

impl Iterator for DueTimes {
    type Item = Arrival;

    /// The worker's next call. Due times never decrease.
    fn next(&mut self) -> Option<Arrival> {
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

impl Points {
    fn new(curve: &Arc<RateCurve>, law: ArrivalLaw) -> Self {
        Self { curve: Arc::clone(curve), segment: 0, law }
    }

    /// When call `number` is due; the given number of calls before it belong to other workers.
    fn due_ns(&mut self, number: u64, skipped: u64) -> Option<u64> {
        let reached = self.law.next(number, skipped);
        self.curve.time_of(reached, &mut self.segment)
    }
}
