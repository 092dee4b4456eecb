//! Percentages that are constants.

use longsync_text::Percent;

/// A constant percentage, in millionths of a percent.
pub(super) const fn percent(millionths: u32) -> Percent {
    match Percent::from_millionths(millionths) {
        Some(percent) => percent,
        None => Percent::ALL,
    }
}
