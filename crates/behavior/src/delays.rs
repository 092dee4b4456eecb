//! The law of a behavior's delays, known before any is drawn.

use std::time::Duration;

use crate::delay::{Delay, Mix, ResolvedDelay, duration};
use crate::shape::nanos;

/// The law of the delays of an attempt: mean, quantiles and shares.
#[derive(Debug, Clone, Copy)]
pub struct DelayDistribution<'a> {
    delay: &'a Delay,
    attempt: u32,
}

impl<'a> DelayDistribution<'a> {
    pub(crate) fn new(delay: &'a Delay, attempt: u32) -> Self {
        Self { delay, attempt }
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        duration(mean(&self.resolve(), self.attempt))
    }

    /// The delay that a call exceeds with a probability of at most 1 - `p`, where `p` lies between 0 and 1.
    /// For a mixture, it is found numerically.
    pub fn quantile(&self, p: f64) -> Duration {
        duration(quantile(&self.resolve(), p, self.attempt))
    }

    /// Which share of the delays is at most `delay`.
    pub fn share_to(&self, delay: Duration) -> f64 {
        share_to(&self.resolve(), nanos(delay), self.attempt)
    }

    /// The shortest and the longest delay.
    pub fn ends(&self) -> (Duration, Duration) {
        let (least, greatest) = ends(&self.resolve(), self.attempt);
        (duration(least), duration(greatest))
    }

    /// Which share of the law, as written, is negative or longer than its longest delay. It is never drawn:
    /// draws are conditioned on being neither.
    pub fn beyond(&self) -> f64 {
        beyond(&self.resolve(), self.attempt)
    }

    /// The mean in nanoseconds, not rounded.
    pub(crate) fn mean_nanos(&self) -> f64 {
        mean(&self.resolve(), self.attempt)
    }

    /// The mean of the squares, in square nanoseconds.
    pub(crate) fn second_moment(&self) -> f64 {
        second_moment(&self.resolve(), self.attempt)
    }

    fn resolve(&self) -> ResolvedDelay<'a> {
        self.delay.resolve(self.attempt)
    }
}

fn mean(of: &ResolvedDelay<'_>, attempt: u32) -> f64 {
    match of {
        ResolvedDelay::Law(law) => law.mean(),
        ResolvedDelay::Mix(mix) => mix.sum(attempt, |part| mean(&part, attempt)),
    }
}

fn second_moment(of: &ResolvedDelay<'_>, attempt: u32) -> f64 {
    match of {
        ResolvedDelay::Law(law) => law.second_moment(),
        ResolvedDelay::Mix(mix) => mix.sum(attempt, |part| second_moment(&part, attempt)),
    }
}

fn share_to(of: &ResolvedDelay<'_>, value: f64, attempt: u32) -> f64 {
    match of {
        ResolvedDelay::Law(law) => law.share_to(value),
        // The shares are rounded, and their sum need not be 1.
        ResolvedDelay::Mix(_) if value >= ends(of, attempt).1 => 1.0,
        ResolvedDelay::Mix(mix) => mix.sum(attempt, |part| share_to(&part, value, attempt)),
    }
}

fn beyond(of: &ResolvedDelay<'_>, attempt: u32) -> f64 {
    match of {
        ResolvedDelay::Law(law) => law.beyond(),
        ResolvedDelay::Mix(mix) => mix.sum(attempt, |part| beyond(&part, attempt)),
    }
}

fn ends(of: &ResolvedDelay<'_>, attempt: u32) -> (f64, f64) {
    match of {
        ResolvedDelay::Law(law) => law.ends(),
        ResolvedDelay::Mix(mix) => {
            let all = mix.drawn().map(|part| ends(&part.resolve(attempt), attempt));
            let both = all.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
            both.unwrap_or_default()
        }
    }
}

fn quantile(of: &ResolvedDelay<'_>, p: f64, attempt: u32) -> f64 {
    match of {
        ResolvedDelay::Law(law) => law.at(p),
        ResolvedDelay::Mix(mix) => quantile_of_mix(mix, p, attempt),
    }
}

/// By bisection: the least value up to which the share is `p`.
fn quantile_of_mix(mix: &Mix, p: f64, attempt: u32) -> f64 {
    let share_to = |value| share_to(&ResolvedDelay::Mix(mix), value, attempt);
    let (mut below, mut above) = ends(&ResolvedDelay::Mix(mix), attempt);
    if share_to(below) >= p {
        return below;
    }
    // To a tenth of a nanosecond.
    while above - below > 0.1 {
        let middle = below.midpoint(above);
        if middle <= below || middle >= above {
            break;
        }
        if share_to(middle) < p { below = middle } else { above = middle }
    }
    above
}
