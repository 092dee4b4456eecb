//! The curves of a law: its density and its quantiles.

use std::time::Duration;

use longsync_behavior::DelayDistribution;

use super::atoms::{Atom, atoms, zeros};
use crate::chart::nanoseconds;

/// The number of pieces in which a density is measured.
const PIECES: u32 = 120;
/// The density is drawn between these quantiles of the nonzero delays.
const ENDS: [f64; 2] = [0.001, 0.999];
/// The number of nines on the axis of percentiles, and the number of points per nine.
pub(super) const NINES: u8 = 4;
const POINTS_PER_NINE: u32 = 40;
/// Values below this share do not stretch the axis of a quantile curve.
const LOWEST: f64 = 0.01;

/// A law, prepared for a picture.
#[derive(Debug)]
pub(super) struct LawCurve<'a> {
    delays: DelayDistribution<'a>,
    pub(super) atoms: Vec<Atom>,
    pub(super) zeros: f64,
}

impl<'a> LawCurve<'a> {
    pub(super) fn new(delays: DelayDistribution<'a>) -> Self {
        let (atoms, zeros) = (atoms(&delays), zeros(&delays));
        Self { delays, atoms, zeros }
    }

    /// Whether a logarithmic axis can show any of its delays.
    pub(super) fn is_drawn(&self) -> bool {
        self.zeros < 1.0
    }

    /// A quantile of the nonzero delays.
    fn quantile(&self, share: f64) -> Duration {
        self.delays.quantile(self.zeros + (1.0 - self.zeros) * share)
    }

    /// The range of delays in which its density is drawn.
    pub(super) fn range(&self) -> [Duration; 2] {
        ENDS.map(|share| self.quantile(share))
    }

    /// The range of delays that its quantile curve needs on the vertical axis.
    pub(super) fn height(&self) -> [Duration; 2] {
        [self.quantile(LOWEST), self.quantile(1.0 - 10_f64.powi(-i32::from(NINES)))]
    }

    /// The density without the atoms, as the share of delays per factor e of the delay: the middles of the
    /// pieces in nanoseconds, each with its density.
    pub(super) fn density(&self) -> Vec<(f64, f64)> {
        let [least, greatest] = self.range();
        let pieces = pieces(least, greatest);
        let density = pieces.windows(2).map(|ends| {
            let between = |atom: &&Atom| (ends[0]..ends[1]).contains(&atom.delay);
            let atoms: f64 = self.atoms.iter().filter(between).map(|atom| atom.share).sum();
            let before =
                |end: Duration| self.delays.share_to(end.saturating_sub(Duration::from_nanos(1)));
            let share = before(ends[1]) - before(ends[0]) - atoms;
            // A tiny remainder of an atom is a rounding error.
            let share = if share < 1e-9 { 0.0 } else { share };
            (middle(ends[0], ends[1]), share / (nanoseconds(ends[1]) / nanoseconds(ends[0])).ln())
        });
        density.collect()
    }

    /// The width of a piece, as a logarithm.
    pub(super) fn piece(&self) -> f64 {
        let [least, greatest] = self.range();
        (nanoseconds(greatest) / nanoseconds(least)).ln() / f64::from(PIECES)
    }

    /// The quantile curve: shares with delays in nanoseconds.
    pub(super) fn quantiles(&self) -> Vec<(f64, f64)> {
        shares().map(|share| (share, nanoseconds(self.delays.quantile(share)))).collect()
    }
}

/// The shares of a quantile curve, ever closer to 1, with more of them near 0, where a curve may be steep.
pub(super) fn shares() -> impl Iterator<Item = f64> {
    let points = u32::from(NINES) * POINTS_PER_NINE;
    let steep = [0.0, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04];
    let share = |point| 1.0 - 10_f64.powf(-f64::from(point) / f64::from(POINTS_PER_NINE));
    steep.into_iter().chain((1..=points).map(share))
}

/// The ends of pieces that have the same width on a logarithmic axis, ascending and distinct.
pub(super) fn pieces(least: Duration, greatest: Duration) -> Vec<Duration> {
    let (from, to) = (nanoseconds(least).max(1.0).ln(), nanoseconds(greatest).max(1.0).ln());
    let end = |piece: u32| (from + (to - from) * f64::from(piece) / f64::from(PIECES)).exp();
    let mut ends: Vec<_> = (0..=PIECES).map(|piece| whole(end(piece))).collect();
    ends.dedup();
    ends
}

/// The nearest whole number of nanoseconds.
fn whole(nanos: f64) -> Duration {
    Duration::try_from_secs_f64(nanos / 1e9).unwrap_or(Duration::MAX)
}

/// The middle between two delays on a logarithmic axis, in nanoseconds.
pub(super) fn middle(one: Duration, other: Duration) -> f64 {
    (nanoseconds(one) * nanoseconds(other)).sqrt()
}
