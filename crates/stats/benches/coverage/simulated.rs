//! Simulated runs whose true percentiles are known.

use std::fmt;
use std::time::Duration;

use longsync_stats::Percentile;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::dense::RunRecord;

const SECOND_NS: f64 = 1e9;
/// The median of independent calls, which are log-normal.
const MEDIAN_NS: f64 = 10e6;
const SIGMA: f64 = 1.0;

/// A simulation, with the given number of calls per second.
#[derive(Clone, Copy)]
pub(crate) enum Simulation {
    /// Calls at equal intervals, each with its own log-normal duration.
    Independent { rate: u32 },
    /// M/M/1: a Poisson process, served by one server which is busy for this share of the time, and which is
    /// in its steady state when the run begins.
    Queue { rate: u32, percent: u32 },
}

impl fmt::Display for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Independent { rate } => write!(f, "independent, {rate}/s"),
            Self::Queue { rate, percent } => write!(f, "M/M/1 at {percent} %, {rate}/s"),
        }
    }
}

impl Simulation {
    /// The percentile of the distribution of each call of a run.
    ///
    /// The response times of M/M/1 are exponential with the rate mu - lambda: L. Kleinrock, "Queueing
    /// Systems", volume I (1975), chapter 5.
    pub(crate) fn truth(self, percentile: Percentile) -> Duration {
        let nanos = match self {
            Self::Independent { .. } => MEDIAN_NS * libm::exp(SIGMA * normal_quantile(percentile)),
            Self::Queue { rate, percent } => {
                let (lambda, mu) = rates(rate, percent);
                let above = 1.0 - f64::from(percentile.parts()) / 1e6;
                -libm::log(above) / (mu - lambda) * SECOND_NS
            }
        };
        Duration::from_nanos(whole(nanos))
    }

    /// One run, the same for the same seed and number.
    pub(crate) fn run(self, seconds: u32, seed: u64, number: u64) -> RunRecord {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(number);
        match self {
            Self::Independent { rate } => independent(rate, seconds, &mut random),
            Self::Queue { rate, percent } => queue(rates(rate, percent), seconds, &mut random),
        }
    }
}

/// Arrivals per second, and how many per second a server that is always busy would serve.
fn rates(rate: u32, percent: u32) -> (f64, f64) {
    (f64::from(rate), f64::from(rate) * 100.0 / f64::from(percent))
}

/// By `scipy.stats.norm.ppf` of version 1.17.1.
fn normal_quantile(percentile: Percentile) -> f64 {
    match percentile {
        Percentile::P50 => 0.0,
        Percentile::P99 => 2.326_347_874_040_840_8,
        _ => 3.090_232_306_167_813,
    }
}

fn independent(rate: u32, seconds: u32, random: &mut ChaCha8Rng) -> RunRecord {
    let mut calls: Vec<_> = (0..rate * seconds)
        .map(|number| {
            let sent_ns = f64::from(number) / f64::from(rate) * SECOND_NS;
            let nanos = MEDIAN_NS * libm::exp(SIGMA * normal(random));
            (whole(sent_ns + nanos), whole(nanos))
        })
        .collect();
    calls.sort_unstable();
    RunRecord::new(calls.into_iter())
}

fn queue((lambda, mu): (f64, f64), seconds: u32, random: &mut ChaCha8Rng) -> RunRecord {
    let mut now = exponential(random) / lambda;
    // With this probability an arrival finds the server busy; its wait then has the distribution of a
    // response time.
    let finds_it_busy = uniform(random) < lambda / mu;
    let mut waits = if finds_it_busy { exponential(random) / (mu - lambda) } else { 0.0 };
    let calls = std::iter::from_fn(|| {
        if now >= f64::from(seconds) {
            return None;
        }
        let takes = waits + exponential(random) / mu;
        let call = (whole((now + takes) * SECOND_NS), whole(takes * SECOND_NS));
        let until_next = exponential(random) / lambda;
        now += until_next;
        waits = (takes - until_next).max(0.0);
        Some(call)
    });
    RunRecord::new(calls)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "they are nanoseconds of a run"
)]
fn whole(nanos: f64) -> u64 {
    nanos as u64
}

/// Above 0, at most 1.
#[expect(clippy::cast_precision_loss, reason = "52 bits are exact")]
fn uniform(random: &mut ChaCha8Rng) -> f64 {
    ((random.next_u64() >> 12) + 1) as f64 / (1_u64 << 52) as f64
}

fn exponential(random: &mut ChaCha8Rng) -> f64 {
    -libm::log(uniform(random))
}

/// G. E. P. Box and M. E. Muller, "A Note on the Generation of Random Normal Deviates" (1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let length = (2.0 * exponential(random)).sqrt();
    length * libm::cos(std::f64::consts::TAU * uniform(random))
}
