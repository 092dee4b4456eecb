//! The values that the area under a rate reaches at each call: the laws of arrival, in numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::arrivals::Arrivals;
use super::curve::{Area, CALL};
use super::share::WorkerShare;

/// The values that the area reaches at one call after the other.
#[derive(Debug)]
pub(super) enum ArrivalLaw {
    Constant,
    Poisson { random: Box<ChaCha8Rng>, reached: u128 },
    Uniform(Box<ChaCha8Rng>),
}

/// The part of a seed's random numbers that is drawn from: the parts of a run do not depend on one another.
#[derive(Debug, Clone, Copy)]
pub(super) enum RandomStream {
    Recorded = 0,
    WarmUp = 1,
}

/// The calls that were passed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct PassedPoints {
    pub(super) count: u64,
    /// The value that the area reaches at the last of them.
    pub(super) last: Option<u128>,
    /// Whether there is no further call that the area exceeds.
    pub(super) is_complete: bool,
}

impl ArrivalLaw {
    pub(super) fn new(arrivals: Arrivals, seed: u64, stream: RandomStream) -> Self {
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

    /// The value that the area reaches at call `number`, of which 2^64 fit. Every worker draws for the entire
    /// run and keeps its share, so the run does not depend on the number of workers.
    pub(super) fn next(&mut self, number: u64, skipped: u64) -> u128 {
        match self {
            Self::Constant => u128::from(number) * CALL,
            Self::Poisson { random, reached } => {
                for _ in 0..=skipped {
                    // After 2^59 draws the sum would exceed 128 bits.
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

impl ArrivalLaw {
    /// Passes over the calls that the area has exceeded: those of `share` from its `taken`th on, with numbers
    /// below `calls`. Whole stretches of calls are passed over in one step if the law permits that; at most
    /// `most` calls are drawn one by one.
    pub(super) fn pass(
        &mut self,
        area: Area,
        share: WorkerShare,
        taken: &mut u64,
        calls: u64,
        most: u64,
    ) -> PassedPoints {
        let before = *taken;
        self.jump(area, share, taken, calls);
        let (mut last, mut is_complete) = (None, false);
        for drawn in 0.. {
            let number = share.number(*taken);
            if number >= calls {
                is_complete = true;
                break;
            }
            if drawn == most {
                break;
            }
            let position = self.position();
            let reached = self.next(number, share.skipped(*taken));
            if !area.exceeds(reached) {
                self.return_to(position);
                is_complete = true;
                break;
            }
            last = Some(reached);
            *taken += 1;
        }
        PassedPoints { count: *taken - before, last, is_complete }
    }

    /// Passes over all but the last of the calls that this area exceeds whatever is drawn; the last one then
    /// tells the value that the area reaches at it. Nothing if only the sum of all draws tells which they are.
    fn jump(&mut self, area: Area, share: WorkerShare, taken: &mut u64, calls: u64) {
        if matches!(self, Self::Poisson { .. }) {
            return;
        }
        // Call n is drawn between n and n + 1.
        let certain = u64::try_from(area.whole / CALL).unwrap_or(u64::MAX);
        let Some(last) = share.count_below(certain.min(calls)).checked_sub(1) else { return };
        if last <= *taken {
            return;
        }
        *taken = last;
        if let Self::Uniform(random) = self {
            // Each call of the run takes two words of 32 bits.
            random.set_word_pos(2 * (u128::from(share.number(last - 1)) + 1));
        }
    }

    /// The position before the next draw: of the random numbers, and of a sum of them.
    fn position(&self) -> (u128, u128) {
        match self {
            Self::Constant => (0, 0),
            Self::Poisson { random, reached } => (random.get_word_pos(), *reached),
            Self::Uniform(random) => (random.get_word_pos(), 0),
        }
    }

    fn return_to(&mut self, (position, sum): (u128, u128)) {
        match self {
            Self::Constant => {}
            Self::Poisson { random, reached } => {
                random.set_word_pos(position);
                *reached = sum;
            }
            Self::Uniform(random) => random.set_word_pos(position),
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
    /// Chosen so that the greatest number, 53 ln 2 = 36.8, fits in 64 bits. The rounding error is at most
    /// 2^-58 of a call.
    const COARSER: u128 = 16;
    const UNIT: f64 = (CALL / COARSER) as f64;
    // Above zero and at most one, so that its logarithm is finite.
    let uniform = ((random.next_u64() >> 11) + 1) as f64 / STEPS;
    // Not `f64::ln`, whose last digit may differ between systems.
    u128::from((-libm::log(uniform) * UNIT) as u64) * COARSER
}
