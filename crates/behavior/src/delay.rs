//! A delay: one shape, a mixture of several, or one for each attempt.

mod attempts;
mod build;
mod constant;
mod mix;

use std::fmt;
use std::time::Duration;

use crate::shape::{Exponential, Law, Lognormal, Normal, Pareto, Percentiles, Replay, Uniform};

pub(crate) use self::attempts::Attempts;
pub(crate) use self::build::percent;
pub(crate) use self::constant::Constant;
pub(crate) use self::mix::Mix;

/// A checked delay, with the constants that its draws need.
///
/// All variants are boxed except the one with the shortest text: a caller's text of 4 KiB can have a thousand
/// constants, and a waiting call holds them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Delay {
    Constant(Constant),
    Uniform(Box<Uniform>),
    Normal(Box<Normal>),
    Exponential(Box<Exponential>),
    Pareto(Box<Pareto>),
    Lognormal(Box<Lognormal>),
    Percentiles(Box<Percentiles>),
    Mix(Box<Mix>),
    Attempts(Box<Attempts>),
    Replay(Box<Replay>),
}

/// The law from which an attempt draws.
pub(crate) enum ResolvedDelay<'a> {
    Law(&'a dyn Law),
    Mix(&'a Mix),
}

impl Delay {
    /// The delay that `u`, between 0 and 1, draws for an attempt, to the nearest nanosecond.
    pub(crate) fn draw(&self, u: f64, attempt: u32) -> Duration {
        match self.resolve(attempt) {
            ResolvedDelay::Mix(mix) => {
                let (part, u) = mix.part(u);
                part.draw(u, attempt)
            }
            ResolvedDelay::Law(law) => duration(law.at(u)),
        }
    }

    /// The delay of all calls, if they all have the same.
    pub(crate) fn constant(&self) -> Option<Duration> {
        match self {
            Self::Constant(constant) => Some(constant.0),
            _ => None,
        }
    }

    /// Whether it is exponential, up to a truncation that hardly ever matters.
    pub(crate) fn is_exponential(&self) -> bool {
        const LEAST: f64 = 1e-9;
        matches!(self, Self::Exponential(law) if law.beyond() < LEAST)
    }

    /// The attempt from which on all draw from the same law.
    pub(crate) fn last_attempt(&self) -> u32 {
        match self {
            Self::Attempts(attempts) => attempts.last_attempt(),
            Self::Mix(mix) => mix.parts().map(Self::last_attempt).max().unwrap_or(1),
            _ => 1,
        }
    }

    /// The law from which the given attempt, counted from 1, draws.
    pub(crate) fn resolve(&self, attempt: u32) -> ResolvedDelay<'_> {
        ResolvedDelay::Law(match self {
            Self::Attempts(attempts) => return attempts.of(attempt).resolve(attempt),
            Self::Mix(mix) => return ResolvedDelay::Mix(mix),
            Self::Constant(law) => law,
            Self::Uniform(law) => &**law,
            Self::Normal(law) => &**law,
            Self::Exponential(law) => &**law,
            Self::Pareto(law) => &**law,
            Self::Lognormal(law) => &**law,
            Self::Percentiles(law) => &**law,
            Self::Replay(law) => &**law,
        })
    }

    /// The recording of `file`, if this delay replays it.
    pub(crate) fn recording(&self, file: &str) -> Option<&Replay> {
        match self {
            Self::Replay(replay) => Some(&**replay).filter(|replay| replay.file() == file),
            Self::Mix(mix) => mix.parts().find_map(|part| part.recording(file)),
            Self::Attempts(attempts) => attempts.all().find_map(|delay| delay.recording(file)),
            _ => None,
        }
    }
}

/// To the nearest nanosecond.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no law has negative values, and a value that is too long becomes the longest"
)]
pub(crate) fn duration(nanos: f64) -> Duration {
    Duration::from_nanos(nanos.round() as u64)
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(law) => law.fmt(f),
            Self::Uniform(law) => law.fmt(f),
            Self::Normal(law) => law.fmt(f),
            Self::Exponential(law) => law.fmt(f),
            Self::Pareto(law) => law.fmt(f),
            Self::Lognormal(law) => law.fmt(f),
            Self::Percentiles(law) => law.fmt(f),
            Self::Replay(law) => law.fmt(f),
            Self::Mix(mix) => mix.fmt(f),
            Self::Attempts(attempts) => attempts.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_takes_at_most_16_bytes() {
        assert!(size_of::<Delay>() <= 16, "{}", size_of::<Delay>());
    }
}
