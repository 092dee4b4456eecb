//! How long each call of a race is to take. Pure.

use std::time::Duration;

/// The delays of a race's calls. Every way gets the same ones, so that ways can be compared.
/// There are no other forms: exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delays {
    /// The same for all calls.
    Constant(Duration),
    /// Spread evenly between half and one and a half of this.
    Jittered(Duration),
}

impl Delays {
    /// Their average.
    pub fn mean(self) -> Duration {
        match self {
            Self::Constant(delay) | Self::Jittered(delay) => delay,
        }
    }

    /// The longest that any of them may be.
    pub fn longest(self) -> Duration {
        match self {
            Self::Constant(delay) => delay,
            Self::Jittered(mean) => mean.saturating_add(mean / 2),
        }
    }

    /// The delay of the call with this index.
    ///
    /// Multiples of the golden ratio, without their whole part, fill the range from 0 to 1 more evenly
    /// than drawn numbers do (Knuth, The Art of Computer Programming, volume 3, section 6.4), and are
    /// the same in every run.
    pub fn of(self, index: usize) -> Duration {
        match self {
            Self::Constant(delay) => delay,
            Self::Jittered(mean) => {
                // 2^64 divided by the golden ratio; the product's low half is the fraction.
                let fraction = (index as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let spread = (mean.as_nanos() * u128::from(fraction)) >> 64;
                mean / 2 + Duration::from_nanos(u64::try_from(spread).unwrap_or(u64::MAX))
            }
        }
    }

    /// The delays of the given number of calls added up.
    pub fn sum(self, calls: usize) -> Duration {
        match self {
            Self::Constant(delay) => delay.saturating_mul(u32::try_from(calls).unwrap_or(u32::MAX)),
            Self::Jittered(_) => {
                (0..calls).fold(Duration::ZERO, |sum, index| sum.saturating_add(self.of(index)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A jittered delay lies between half and one and a half of its mean.
        #[test]
        fn jitter_stays_within_its_range(mean in 0_u64..4_000_000_000_000, index in any::<usize>()) {
            let mean = Duration::from_nanos(mean);
            let delay = Delays::Jittered(mean).of(index);
            prop_assert!(delay >= mean / 2 && delay <= mean + mean / 2, "{:?} of {:?}", delay, mean);
        }
    }

    #[test]
    fn jitter_is_spread_evenly_and_keeps_the_mean() {
        let delays = Delays::Jittered(Duration::from_secs(1));
        let mut quarters = [0; 4];
        for index in 0..1_000 {
            let quarter = (delays.of(index).as_millis() - 500) / 250;
            quarters[usize::try_from(quarter).unwrap().min(3)] += 1;
        }
        assert!(quarters.iter().all(|count| (245..=255).contains(count)), "{quarters:?}");
        let mean = delays.sum(1_000) / 1_000;
        assert!(mean.abs_diff(delays.mean()) < Duration::from_millis(2), "{mean:?}");
    }

    #[test]
    fn a_constant_is_the_same_for_all() {
        let delays = Delays::Constant(Duration::from_millis(7));
        assert_eq!(delays.of(0), delays.of(12_345));
        assert_eq!(delays.sum(1_000), Duration::from_secs(7));
        assert_eq!(delays.longest(), delays.mean());
    }
}
