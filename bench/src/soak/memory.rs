//! Whether memory stays flat. Pure.

use crate::table::Samples;

/// How much higher the last third of a run may be than the middle one: the memory that an allocator retains
/// varies this much.
pub(super) const TOLERANCE: f64 = 0.05;

/// The memory of a process over a run, in bytes: the medians of the middle and last third. The first third is
/// ignored, as it contains one-time setup.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Memory {
    pub(super) middle: f64,
    pub(super) last: f64,
}

impl Memory {
    /// From samples at equal distances; [`None`] if there are fewer than three.
    pub(super) fn of(samples: &[f64]) -> Option<Self> {
        let third = samples.len() / 3;
        let (earlier, last) = samples.split_at(samples.len() - third);
        let middle = &earlier[earlier.len() - third..];
        let median = |samples: &[f64]| samples.iter().copied().collect::<Samples>().median();
        Some(Self { middle: median(middle)?, last: median(last)? })
    }

    /// How much higher the last third is than the middle one, as a fraction.
    pub(super) fn growth(self) -> f64 {
        self.last / self.middle - 1.0
    }

    /// Whether it stayed flat.
    pub(super) fn is_flat(self) -> bool {
        self.last <= self.middle * (1.0 + TOLERANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_flat(samples: &[f64]) -> bool {
        Memory::of(samples).unwrap().is_flat()
    }

    #[test]
    fn one_time_setup_and_single_peaks_are_not_growth() {
        assert!(is_flat(&[10.0, 50.0, 90.0, 100.0, 100.0, 100.0, 100.0, 900.0, 101.0]));
        assert!(is_flat(&[9.0, 100.0, 105.0]));
    }

    #[test]
    fn a_steady_rise_is_growth() {
        let rising: Vec<_> = (0..300).map(|sample| 100.0 + f64::from(sample) / 10.0).collect();
        assert!(!is_flat(&rising));
        assert!(!is_flat(&[100.0, 100.0, 106.0]));
    }

    #[test]
    fn too_few_samples_give_no_result() {
        assert_eq!(Memory::of(&[]), None);
        assert_eq!(Memory::of(&[1.0, 2.0]), None);
        assert_eq!(Memory::of(&[1.0, 2.0, 3.0]), Some(Memory { middle: 2.0, last: 3.0 }));
    }
}
