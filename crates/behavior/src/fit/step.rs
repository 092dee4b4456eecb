//! One step of the data: a value, and the shares below it and up to it.

use super::law::depth;
use super::{float, millionths};

/// One distinct value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) value: u64,
    pub(super) ln: f64,
    /// The share of the values that are less.
    pub(super) below: f64,
    /// The share of the values that are at most this.
    pub(super) up_to: f64,
    /// The share at the middle of the first of the equal values, and its depth.
    pub(super) first: (f64, f64),
    /// The share at the middle of the last of the equal values, and its depth.
    pub(super) last: (f64, f64),
}

impl Step {
    /// `half` is half of the share of one value.
    pub(super) fn new(value: u64, below: f64, up_to: f64, half: f64) -> Self {
        let at = |share| (share, depth(share));
        let first = at(below + half);
        // The only value of a step is both its first and its last.
        let last = if up_to - below > 3.0 * half { at(up_to - half) } else { first };
        Self { value, ln: libm::log(float(value)), below, up_to, first, last }
    }

    /// How far off a law with these shares, below the value and up to it, is here.
    pub(super) fn distance(&self, below: f64, up_to: f64) -> f64 {
        f64::max((below - self.below).abs(), (up_to - self.up_to).abs())
    }

    /// Its middle, in millionths of a percent.
    pub(super) fn middle(&self) -> u32 {
        millionths(f64::midpoint(self.below, self.up_to))
    }
}

/// The steps of values that are not zero, given in ascending order, each with how often it occurs in the
/// data.
pub(super) fn steps_of(values: &[(u64, u64)], total: u64) -> Vec<Step> {
    let total = float(total);
    let half = 0.5 / total;
    let mut count = 0;
    let step = |&(value, more): &(u64, u64)| {
        let below = float(count) / total;
        count += more;
        Step::new(value, below, float(count) / total, half)
    };
    values.iter().map(step).collect()
}
