//! A mixture: each call draws from one of several delays.

use std::fmt;

use longsync_text::Percent;

use super::{Delay, ResolvedDelay};
use crate::written::WrittenShare;

/// Several delays, each with the share of the calls that draw from it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mix(Box<[Part]>);

#[derive(Debug, Clone, PartialEq)]
struct Part {
    /// As it was written.
    share: WrittenShare,
    delay: Delay,
    /// The sum of the shares before it, and its own share.
    before: f64,
    fraction: f64,
}

/// Why shares do not make a mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MixError {
    /// The shares add up to this, in millionths of a percent, instead of 100 %.
    Sum(u64),
    /// Nothing is left for the part at this position.
    NothingLeft(usize),
    /// The part at this position is a second `rest`.
    SecondRest(usize),
}

/// The greatest number below 1: a quotient that lies between 0 and 1 may be rounded up to 1.
const BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

impl Mix {
    pub(crate) fn new(parts: Vec<(WrittenShare, Delay)>) -> Result<Self, MixError> {
        let rest = rest(parts.iter().map(|(share, _)| *share))?;
        let mut before = 0;
        let parts = parts.into_iter().map(|(share, delay)| {
            let own = match share {
                WrittenShare::Of(percent) => percent,
                WrittenShare::Rest => rest,
            };
            let part = Part { share, delay, before: fraction(before), fraction: own.fraction() };
            before += own.millionths();
            part
        });
        Ok(Self(parts.collect()))
    }

    /// The part into whose share `u` falls, and the number that draws from that part.
    pub(crate) fn part(&self, u: f64) -> (&Delay, f64) {
        // The first part begins at 0.
        let index = self.0.partition_point(|part| part.before <= u).saturating_sub(1);
        let part = &self.0[index];
        (&part.delay, ((u - part.before) / part.fraction).clamp(f64::MIN_POSITIVE, BELOW_ONE))
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &Delay> {
        self.0.iter().map(|part| &part.delay)
    }

    /// The sum of something of each part's law, each times its share.
    pub(crate) fn sum(&self, attempt: u32, of: impl Fn(ResolvedDelay<'_>) -> f64) -> f64 {
        self.0.iter().map(|part| part.fraction * of(part.delay.resolve(attempt))).sum()
    }

    /// The parts from which calls can draw.
    pub(crate) fn drawn(&self) -> impl Iterator<Item = &Delay> {
        self.0.iter().filter(|part| part.fraction > 0.0).map(|part| &part.delay)
    }
}

fn fraction(millionths: u32) -> f64 {
    f64::from(millionths) / f64::from(Percent::ALL.millionths())
}

/// The share that the others leave, if all of them then add up to 100 %.
fn rest(shares: impl Iterator<Item = WrittenShare>) -> Result<Percent, MixError> {
    let all = u64::from(Percent::ALL.millionths());
    let (mut sum, mut rest) = (0, None);
    for (index, share) in shares.enumerate() {
        match share {
            WrittenShare::Of(percent) => sum += u64::from(percent.millionths()),
            WrittenShare::Rest if rest.is_some() => return Err(MixError::SecondRest(index)),
            WrittenShare::Rest => rest = Some(index),
        }
    }
    match rest {
        None if sum == all => Ok(Percent::NONE),
        Some(index) if sum == all => Err(MixError::NothingLeft(index)),
        Some(_) if sum < all => {
            let left = u32::try_from(all - sum).ok().and_then(Percent::from_millionths);
            left.ok_or(MixError::Sum(sum))
        }
        _ => Err(MixError::Sum(sum)),
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut joint = "mix(";
        for Part { share, delay, .. } in &self.0 {
            f.write_str(joint)?;
            match share {
                WrittenShare::Of(percent) => write!(f, "{percent}%: {delay}")?,
                WrittenShare::Rest => write!(f, "rest: {delay}")?,
            }
            joint = ", ";
        }
        f.write_str(")")
    }
}
