//! Whether successive calls depend on one another.

mod logarithm;
mod pairs;

use self::logarithm::log2;
use self::pairs::Pairs;

/// With fewer calls, the correlation is meaningless.
const ENOUGH: u64 = 1_000;
/// Independent calls stay below it (-0.14 to 0.00 in simulations), and calls that share a queue are above it
/// from a load of 30 % (0.20 and more).
const DEPENDENT: f64 = 0.1;

/// How much the durations of successive good calls of a worker have in common: the correlation of the
/// logarithms of each and the next, in the order in which the calls ended.
///
/// Recording changes five numbers: the count, three sums and the last logarithm. The first call of a pair was
/// the second one of the pair before, so the same sums serve both.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Succession {
    calls: u64,
    /// The logarithm of the first call. All others are counted from it: sums of small numbers lose no digits.
    origin: f64,
    last: f64,
    sum: f64,
    squares: f64,
    /// Sum of the products of each and the next.
    products: f64,
    /// The number of calls of other workers.
    merged_calls: u64,
    merged: Pairs,
}

impl Succession {
    /// Records how long a call took, in nanoseconds, in the order in which calls ended. A duration that is
    /// not above zero counts as 1 ns.
    #[inline]
    pub fn record(&mut self, nanos: i64) {
        let logarithm = log2(nanos);
        if self.calls == 0 {
            self.origin = logarithm;
        }
        self.calls += 1;
        let logarithm = logarithm - self.origin;
        self.sum += logarithm;
        self.squares += logarithm * logarithm;
        self.products += self.last * logarithm;
        self.last = logarithm;
    }

    /// Adds the pairs of another worker. A call of one worker and a call of another are not a pair.
    pub fn merge(&mut self, other: &Self) {
        self.merged.merge(&other.pairs());
        self.merged_calls += other.calls();
    }

    /// The correlation, from -1 to 1; [`None`] with fewer than 1,000 calls, or if all took the same time.
    pub fn correlation(&self) -> Option<f64> {
        if self.calls() < ENOUGH { None } else { self.pairs().correlation() }
    }

    /// Whether the calls were not independent: their correlation is over 0.1.
    pub fn is_dependent(&self) -> bool {
        self.correlation().is_some_and(|correlation| correlation > DEPENDENT)
    }

    fn calls(&self) -> u64 {
        self.calls + self.merged_calls
    }

    fn pairs(&self) -> Pairs {
        // Each call is in two pairs, except the first, whose logarithm from the origin is 0, and the last.
        let mut pairs = Pairs {
            count: self.calls.saturating_sub(1),
            origin: self.origin,
            sum: 2.0 * self.sum - self.last,
            squares: 2.0 * self.squares - self.last * self.last,
            products: self.products,
        };
        pairs.merge(&self.merged);
        pairs
    }
}

#[cfg(test)]
mod tests;
