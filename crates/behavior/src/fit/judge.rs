//! How far off a law is from the data to which it was fitted.

use super::law::FittedLaw;
use super::step::Step;
use super::{WHOLE, WorstPercentile, share};

/// The largest distance between the shares of law and data, zeros included. The law may jump where the data
/// does, so the distances below a value and up to it both count.
pub(super) fn ks(law: &FittedLaw, steps: &[Step], zeros: Zeros) -> f64 {
    let distances = steps.iter().map(|step| {
        let below = zeros.law_share(law.share_below(step.value)) - zeros.data_share(step.below);
        let up_to = zeros.law_share(law.share_to(step.value)) - zeros.data_share(step.up_to);
        f64::max(below.abs(), up_to.abs())
    });
    let at_zero = (zeros.law_share(0.0) - zeros.data_share(0.0)).abs();
    distances.fold(at_zero, f64::max)
}

/// The quantile that is furthest off, in proportion, among those between two shares of the values that are
/// not zero.
pub(super) fn worst(
    law: &FittedLaw,
    steps: &[Step],
    zeros: Zeros,
    from: f64,
    to: f64,
) -> Option<WorstPercentile> {
    let mut worst: Option<(f64, WorstPercentile)> = None;
    for step in steps {
        for (at, _) in [step.first, step.last] {
            if !(from..=to).contains(&at) {
                continue;
            }
            let law_ns = law.quantile(at);
            let error = super::float(law_ns.abs_diff(step.value)) / super::float(step.value);
            if worst.is_none_or(|(largest, _)| error > largest) {
                let percent = 100.0 * zeros.data_share(at);
                worst = Some((error, WorstPercentile { percent, asked_ns: step.value, law_ns }));
            }
        }
    }
    worst.map(|(_, worst)| worst)
}

/// The share of zeros, from 0 to 1: in the data, and rounded as in the law.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zeros {
    data: f64,
    law: f64,
}

impl Zeros {
    /// Some zeros are never rounded to none or to all.
    pub(super) fn new(data: f64) -> Self {
        let law = if data > 0.0 { share(super::millionths(data)) } else { 0.0 };
        Self { data, law }
    }

    /// In millionths of a percent.
    pub(super) fn millionths(self) -> u32 {
        if self.data > 0.0 { super::millionths(self.data) } else { 0 }
    }

    /// A share of the values that are not zero as a share of all values, in the data.
    fn data_share(self, share: f64) -> f64 {
        self.data + (1.0 - self.data) * share
    }

    /// The same in the law.
    fn law_share(self, share: f64) -> f64 {
        self.law + (1.0 - self.law) * share
    }

    /// A share of all values as one of those that are not zero.
    pub(super) fn among_others(self, share: f64) -> f64 {
        (share - self.data) / (1.0 - self.data)
    }

    /// A share of the values that are not zero as a share of all values, both in millionths of a percent.
    pub(super) fn of_all(self, others: u32) -> u32 {
        let all = u64::from(others) * u64::from(WHOLE - self.millionths()) / u64::from(WHOLE);
        u32::try_from(all).unwrap_or(WHOLE)
    }
}
