//! The correlation of pairs.

/// Sums over pairs (x, y), in which x and y are counted from an origin.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pairs {
    pub(super) count: u64,
    pub(super) origin: f64,
    /// Of x + y.
    pub(super) sum: f64,
    /// Of x^2 + y^2.
    pub(super) squares: f64,
    /// Of x y.
    pub(super) products: f64,
}

impl Pairs {
    /// Adds other pairs, counted from this origin.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.count == 0 {
            *self = other.clone();
            return;
        }
        let shift = other.origin - self.origin;
        let of_shift = shift * (other.sum + float(other.count) * shift);
        self.sum += other.sum + 2.0 * float(other.count) * shift;
        self.squares += other.squares + 2.0 * of_shift;
        self.products += other.products + of_shift;
        self.count += other.count;
    }

    /// The correlation, from -1 to 1; [`None`] without pairs, or if all numbers are equal.
    ///
    /// Both members of a pair have the same distribution, so they are given one mean and one variance, as in
    /// the intraclass correlation: R. A. Fisher, "Statistical Methods for Research Workers" (1925), chapter
    /// VII.
    pub(super) fn correlation(&self) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let numbers = 2.0 * float(self.count);
        let (mean, mean_square) = (self.sum / numbers, self.squares / numbers);
        let variance = mean_square - mean * mean;
        let together = self.products / float(self.count) - mean * mean;
        (variance > 0.0).then(|| (together / variance).clamp(-1.0, 1.0))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a part of 2^53 does not matter")]
fn float(count: u64) -> f64 {
    count as f64
}
