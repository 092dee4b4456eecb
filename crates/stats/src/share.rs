//! A share of a count.

use std::cmp::Ordering;
use std::fmt;

use longsync_text::{Percent, grouped};

/// A number out of a whole, which is at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    /// `part` out of `whole`; [`None`] if the whole is zero or the part is more than the whole.
    pub const fn of(part: u64, whole: u64) -> Option<Self> {
        if whole > 0 && part <= whole { Some(Self { part, whole }) } else { None }
    }

    /// The part.
    pub const fn part(self) -> u64 {
        self.part
    }

    /// The whole.
    pub const fn whole(self) -> u64 {
        self.whole
    }

    /// Whether it is less than, equal to, or more than a percentage, exactly.
    pub fn compare(self, percent: Percent) -> Ordering {
        let all = Percent::ALL.millionths();
        let part = u128::from(self.part) * u128::from(all);
        part.cmp(&(u128::from(self.whole) * u128::from(percent.millionths())))
    }

    /// In percent, to four digits, except that only a part of zero is shown as 0 % and only the whole as 100
    /// %.
    pub fn percent(self) -> Percent {
        let all = Percent::ALL.millionths();
        let exact = u128::from(self.part) * u128::from(all) / u128::from(self.whole);
        // A part is at most the whole.
        let exact = u32::try_from(exact).unwrap_or(all);
        let digits = exact.checked_ilog10().map_or(1, |log| log + 1);
        let step = 10_u32.pow(digits.saturating_sub(4));
        let rounded = (exact + step / 2) / step * step;
        let shown = match self.part {
            0 => 0,
            part if part == self.whole => all,
            _ if rounded >= all => exact.min(all - 1),
            _ => rounded.max(1),
        };
        Percent::from_millionths(shown).unwrap_or(Percent::ALL)
    }
}

impl fmt::Display for Share {
    /// With both counts: `0.3 % (3 of 1,000)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} % ({} of {})", self.percent(), grouped(self.part), grouped(self.whole))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A share compares with any percentage as its fraction does, also when part and whole are scaled by
        /// a factor.
        #[test]
        fn a_share_compares_as_its_fraction(
            (whole, part) in (1_u64..1 << 30).prop_flat_map(|whole| (Just(whole), 0..=whole)),
            millionths in 0_u32..=100_000_000,
            factor in 1_u64..1 << 30,
        ) {
            let percent = Percent::from_millionths(millionths).unwrap();
            let share = Share::of(part, whole).unwrap();
            let scaled_limit = u128::from(millionths) * u128::from(whole);
            let exact = (u128::from(part) * 100_000_000).cmp(&scaled_limit);
            prop_assert_eq!(share.compare(percent), exact);
            let scaled = Share::of(part * factor, whole * factor).unwrap();
            prop_assert_eq!(scaled.compare(percent), exact);
            prop_assert_eq!(scaled.percent(), share.percent());
        }

        /// Only none is shown as 0 %, and only all as 100 %.
        #[test]
        fn only_none_and_all_look_so(
            (whole, part) in (1..=u64::MAX).prop_flat_map(|whole| (Just(whole), 0..=whole)),
        ) {
            let share = Share::of(part, whole).unwrap();
            prop_assert_eq!(share.percent() == Percent::NONE, part == 0);
            prop_assert_eq!(share.percent() == Percent::ALL, part == whole);
        }
    }

    #[test]
    fn shares_are_shown_with_their_counts() {
        for (part, whole, shown) in [
            (3, 1_000, "0.3 % (3 of 1,000)"),
            (1, 3, "33.33 % (1 of 3)"),
            (0, 5, "0 % (0 of 5)"),
            (5, 5, "100 % (5 of 5)"),
            (999_999_999, 1_000_000_000, "99.999999 % (999,999,999 of 1,000,000,000)"),
            (1, 1_000_000_000_000, "0.000001 % (1 of 1,000,000,000,000)"),
        ] {
            assert_eq!(Share::of(part, whole).map(|it| it.to_string()).as_deref(), Some(shown));
        }
        assert_eq!((Share::of(0, 0), Share::of(2, 1)), (None, None));
    }
}
