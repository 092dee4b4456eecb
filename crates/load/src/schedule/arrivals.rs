//! At which of the possible times calls are due, given the rate.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use longsync_stats::Moment;
use longsync_text::{Rate, quoted};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::curve::{CALL, Curve};
use super::piece::{Piece, Pieces};
use super::replay::Replay;
use super::{NotASchedule, Schedule, Share};

/// By which law calls arrive, given the rate over time.
///
/// Call n, from 0, is due when the integral of the rate reaches x: at the least time after which it is greater
/// than x, rounded down to a nanosecond. So no call is due while the rate is 0, or once a profile has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arrivals {
    /// x = n: at equal distances, if the rate stays. The first is due at once.
    #[default]
    Constant,
    /// x is the sum of n + 1 independent exponential numbers with mean 1: a Poisson process. So callers arrive
    /// who know nothing of one another.
    Poisson,
    /// x = n + u, u evenly from 0 to 1: each call at a random moment of a slot of its own.
    Uniform,
}

const NAMES: [(Arrivals, &str); 3] = [
    (Arrivals::Constant, "constant"),
    (Arrivals::Poisson, "poisson"),
    (Arrivals::Uniform, "uniform"),
];

impl FromStr for Arrivals {
    type Err = NotASchedule;

    /// Reads `constant`, `poisson` or `uniform`.
    ///
    /// # Errors
    /// When `text` is none of them.
    fn from_str(text: &str) -> Result<Self, NotASchedule> {
        let known = NAMES.iter().find(|(_, name)| *name == text.trim());
        known.map(|(arrivals, _)| *arrivals).ok_or_else(|| {
            let why = "write constant, poisson or uniform";
            NotASchedule::new(format!("{} is not a law by which calls arrive: {why}", quoted(text)))
        })
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(arrivals, _)| arrivals == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

/// A call that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// From the start of the run, of which the warm-up is the beginning.
    pub due: Moment,
    /// Its number, from 0: among the calls of the warm-up, or among those that are recorded.
    pub number: u64,
    /// Whether it is one of the warm-up's.
    pub is_warm_up: bool,
}

/// The calls of a worker as they are due, those of the warm-up first.
#[derive(Debug)]
pub struct DueTimes {
    warm_up: Option<Points>,
    recorded: Recorded,
    share: Share,
    /// How many of the present part have been taken.
    taken: u64,
    warm_up_for: Duration,
}

#[derive(Debug)]
enum Recorded {
    Points(Points),
    Replay(Replay),
    AtOnce,
}

/// Points at which the area under a curve reaches one number after the other.
#[derive(Debug)]
struct Points {
    curve: Arc<Curve>,
    segment: usize,
    law: Law,
}

#[derive(Debug)]
enum Law {
    Constant,
    Poisson { random: Box<ChaCha8Rng>, reached: u128 },
    Uniform(Box<ChaCha8Rng>),
}

/// Which of the numbers of a seed are drawn: parts of a run do not depend on one another.
#[derive(Debug, Clone, Copy)]
enum Stream {
    Recorded = 0,
    WarmUp = 1,
}

impl DueTimes {
    /// Of a schedule whose calls have due times, after a warm-up at the rate with which it begins.
    pub(super) fn new(schedule: &Schedule, warm_up_for: Duration, share: Share) -> Option<Self> {
        let (warm_up, recorded) = match schedule {
            Schedule::Open { profile, arrivals, seed } => {
                let points = |curve, stream| Points {
                    curve,
                    segment: 0,
                    law: Law::new(*arrivals, *seed, stream),
                };
                let warm_up = warm_up(profile.first(), warm_up_for);
                let warm_up = warm_up.map(|curve| points(curve, Stream::WarmUp));
                let recorded = points(Arc::clone(profile.curve()), Stream::Recorded);
                (warm_up, Recorded::Points(recorded))
            }
            Schedule::Replay(replay) => (None, Recorded::Replay(replay.clone())),
            Schedule::AtOnce => (None, Recorded::AtOnce),
            Schedule::Closed { .. } => return None,
        };
        Some(Self { warm_up, recorded, share, taken: 0, warm_up_for })
    }
}

/// When the recorded call with this number is due, from the schedule's 0. [`None`] if there is none, or if calls have no due
/// time. For the random laws all calls before it are drawn, unless they are so many that this takes seconds: then it is a
/// time by which that call is almost certainly due.
pub(super) fn due_of(schedule: &Schedule, number: u64) -> Option<Duration> {
    /// A draw takes some 20 ns.
    const MOST_DRAWN: u64 = 20_000_000;
    /// In standard deviations of a Poisson process.
    const CERTAIN: u64 = 10;
    let (profile, law) = match schedule {
        Schedule::Open { profile, arrivals, seed } => {
            (profile, Law::new(*arrivals, *seed, Stream::Recorded))
        }
        Schedule::Replay(replay) => return replay.due_ns(number).map(Duration::from_nanos),
        Schedule::AtOnce => return Some(Duration::ZERO),
        Schedule::Closed { .. } => return None,
    };
    let (law, number) = match law {
        Law::Poisson { .. } if number > MOST_DRAWN => {
            (Law::Constant, number.saturating_add(CERTAIN * number.isqrt()))
        }
        // Each is within its own slot.
        Law::Uniform(_) if number > MOST_DRAWN => (Law::Constant, number.saturating_add(1)),
        law => (law, number),
    };
    let mut points = Points { curve: Arc::clone(profile.curve()), segment: 0, law };
    points.due_ns(number, number).map(Duration::from_nanos)
}

/// A warm-up of this length at this rate; [`None`] if it has no calls.
fn warm_up(rate: Rate, length: Duration) -> Option<Arc<Curve>> {
    let mut pieces = Pieces::default();
    pieces.push(Piece::Constant { amount: rate, length: Some(length) }).ok()?;
    Some(Arc::new(Curve::new(pieces)))
}

impl Iterator for DueTimes {
    type Item = Arrival;

    /// The worker's next call. Due times never go back.
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
            Recorded::Points(points) => points.due_ns(number, self.share.skipped(self.taken))?,
            Recorded::Replay(replay) => replay.due_ns(number)?,
            Recorded::AtOnce => 0,
        };
        self.taken += 1;
        let due = Moment::from_nanos(due_ns) + self.warm_up_for;
        Some(Arrival { due, number, is_warm_up: false })
    }
}

impl Points {
    /// When call `number` is due, before which the given number of calls is other workers'.
    fn due_ns(&mut self, number: u64, skipped: u64) -> Option<u64> {
        let reached = self.law.next(number, skipped);
        self.curve.time_of(reached, &mut self.segment)
    }
}

impl Law {
    fn new(arrivals: Arrivals, seed: u64, stream: Stream) -> Self {
        let random = || {
            // Its output is documented to stay the same from version to version.
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(stream as u64);
            Box::new(random)
        };
        match arrivals {
            Arrivals::Constant => Self::Constant,
            Arrivals::Poisson => Self::Poisson { random: random(), reached: 0 },
            Arrivals::Uniform => Self::Uniform(random()),
        }
    }

    /// What the area reaches at call `number`, of which 2^64 fit. Every worker draws the whole run and keeps
    /// its share: so the run does not depend on their number.
    fn next(&mut self, number: u64, skipped: u64) -> u128 {
        match self {
            Self::Constant => u128::from(number) * CALL,
            Self::Poisson { random, reached } => {
                for _ in 0..=skipped {
                    // After 2^59 draws it would be beyond 128 bits.
                    *reached += exponential(random);
                }
                *reached
            }
            Self::Uniform(random) => {
                for _ in 0..skipped {
                    random.next_u64();
                }
                u128::from(number) * CALL + ((u128::from(random.next_u64()) * CALL) >> 64)
            }
        }
    }
}

/// An exponential number with mean 1, in units of a [`CALL`].
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "53 random bits are shifted to where they are exact, and the result has at most 64"
)]
fn exponential(random: &mut ChaCha8Rng) -> u128 {
    const STEPS: f64 = (1_u64 << 53) as f64;
    /// So that the greatest number, 53 ln 2 = 36.8, fits 64 bits. What is rounded off is 2^-58 of a call.
    const COARSER: u128 = 16;
    const UNIT: f64 = (CALL / COARSER) as f64;
    // Above zero and at most one, so that its logarithm is a number.
    let uniform = ((random.next_u64() >> 11) + 1) as f64 / STEPS;
    // Not `f64::ln`, whose last digit may differ between systems.
    u128::from((-libm::log(uniform) * UNIT) as u64) * COARSER
}
