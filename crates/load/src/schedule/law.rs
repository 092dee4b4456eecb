//! The values that the area under a rate reaches at each call: the laws of arrival, in numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::arrivals::Arrivals;
use super::curve::CALL;

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
