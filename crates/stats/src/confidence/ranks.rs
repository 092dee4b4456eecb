//! The interval of a percentile by the ranks of its ends: right for calls that are independent.

use crate::percentile::Percentile;

const WHOLE: u64 = 1_000_000;
/// The highest probability that a percentile lies beyond one end: it lies between both ends with 95 %.
const TAIL: f64 = 0.025;
/// The standard normal quantile of 97.5 %.
const Z: f64 = 1.959_963_984_540_054;
/// Up to this count, probabilities are added up one by one. For the median of this many values, that takes 30
/// ms.
const SUMMED: u64 = 1_000_000_000_000;
/// A probability smaller than this fraction of the greatest one is negligible.
const NEGLIGIBLE: f64 = 1e-18;
/// The relative error of sums is smaller than this, so a sum this close to the tail counts as equal to it.
const ROUNDING: f64 = 1e-12;

/// The ranks of the sorted values between which a percentile lies with a probability of 95 %, if values are
/// independent.
///
/// The number of values below the percentile has the binomial distribution B of their count and the
/// percentile's share, whatever the distribution of the values: H. A. David and H. N. Nagaraja, "Order
/// Statistics", 3rd edition (2003), section 7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranks {
    /// The greatest rank with P(B < rank) at most 2.5 %; [`None`] if that is 0: there are too few values for
    /// a lower end.
    pub lower: Option<u64>,
    /// The least rank with P(B >= rank) at most 2.5 %; [`None`] if that is above the count: there are too few
    /// values for an upper end.
    pub upper: Option<u64>,
}

impl Ranks {
    /// For a percentile of the given number of values. Exact up to 10^12 values; with more, each end may be
    /// off by a millionth of the distance between the ends.
    pub fn of(count: u64, percentile: Percentile) -> Self {
        let (lower, upper) = if count <= SUMMED {
            Binomial::new(count, percentile).ends()
        } else {
            approximate_ends(count, percentile)
        };
        Self { lower: (lower > 0).then_some(lower), upper: upper.filter(|upper| *upper <= count) }
    }
}

/// The probability of each number of successes, as a multiple of that of the likeliest number: each is its
/// neighbor's times (count - k) / (k + 1) x odds. So no factorial is computed, and no digits cancel.
struct Binomial {
    count: u64,
    /// The likeliest number.
    mode: u64,
    /// p / (1 - p).
    odds: f64,
}

impl Binomial {
    fn new(count: u64, percentile: Percentile) -> Self {
        let parts = u64::from(percentile.parts());
        let mode = u128::from(count + 1) * u128::from(parts) / u128::from(WHOLE);
        let mode = u64::try_from(mode).map_or(count, |mode| mode.min(count));
        Self { count, mode, odds: float(parts) / float(WHOLE - parts) }
    }

    /// The numbers above the likeliest one and the probability of each, as far as it is not negligible.
    fn above(&self) -> impl Iterator<Item = (u64, f64)> {
        let mut likely = 1.0;
        let weighed = (self.mode..self.count).map(move |k| {
            likely *= float(self.count - k) / float(k + 1) * self.odds;
            (k + 1, likely)
        });
        weighed.take_while(|(_, likely)| *likely > NEGLIGIBLE)
    }

    /// The numbers below the likeliest one, descending, and the probability of each, as far as it is not
    /// negligible.
    fn below(&self) -> impl Iterator<Item = (u64, f64)> {
        let mut likely = 1.0;
        let weighed = (0..self.mode).rev().map(move |k| {
            likely *= float(k + 1) / (float(self.count - k) * self.odds);
            (k, likely)
        });
        weighed.take_while(|(_, likely)| *likely > NEGLIGIBLE)
    }

    /// The lower and the upper rank. The likeliest number lies between them, because it is next to the
    /// median.
    fn ends(&self) -> (u64, Option<u64>) {
        let below: f64 = self.below().map(|(_, likely)| likely).sum();
        let above: f64 = self.above().map(|(_, likely)| likely).sum();
        let tail = (below + 1.0 + above) * TAIL * (1.0 + ROUNDING);

        let (mut lower, mut fewer) = (self.mode, below);
        let mut numbers = self.below();
        while fewer > tail {
            let Some((number, likely)) = numbers.next() else { break };
            (lower, fewer) = (number, fewer - likely);
        }
        let (mut upper, mut at_least) = (self.mode + 1, above);
        let mut numbers = self.above();
        while at_least > tail {
            let Some((number, likely)) = numbers.next() else { break };
            (upper, at_least) = (number + 1, at_least - likely);
        }
        (lower, Some(upper))
    }
}

/// By the normal approximation with its first correction, for skewness: E. A. Cornish and R. A. Fisher,
/// "Moments and Cumulants in the Specification of Distributions", Revue de l'Institut International de
/// Statistique 5 (1938), pp. 307-320.
fn approximate_ends(count: u64, percentile: Percentile) -> (u64, Option<u64>) {
    let parts = u64::from(percentile.parts());
    let share = float(parts) / float(WHOLE);
    let mean = u128::from(count) * u128::from(parts) / u128::from(WHOLE);
    let mean = u64::try_from(mean).unwrap_or(count);
    let deviation = (float(count) * share * (1.0 - share)).sqrt();
    let skew = (1.0 - 2.0 * share) * (Z * Z - 1.0) / 6.0;
    let distance = |z: f64| whole((z * deviation + skew).abs());
    (
        mean.saturating_sub(distance(-Z)),
        mean.checked_add(distance(Z)).and_then(|upper| upper.checked_add(1)),
    )
}

#[expect(clippy::cast_precision_loss, reason = "counts up to 10^12 are exact, others need not be")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 0 and 10^11"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests;
