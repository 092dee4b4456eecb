//! Atoms: exact delays which many calls share, such as a constant, a part of a mixture, or equal percentiles.

use std::time::Duration;

use longsync_behavior::DelayDistribution;

/// The number of steps in which shares are examined.
const STEPS: u32 = 400;
/// If there are more atoms, they are values of a recording and do not matter individually.
const MOST: usize = 8;
/// An atom has at least this share of the calls.
const LEAST: f64 = 0.005;

/// A delay, and the share of calls that have exactly this delay, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Atom {
    pub(super) delay: Duration,
    pub(super) share: f64,
}

/// The atoms of a law in ascending order, without zero; none if there are many.
pub(super) fn atoms(delays: &DelayDistribution<'_>) -> Vec<Atom> {
    let quantiles: Vec<_> =
        (0..=STEPS).map(|step| delays.quantile(f64::from(step) / f64::from(STEPS))).collect();
    let mut atoms: Vec<Atom> = Vec::new();
    for pair in quantiles.windows(2) {
        let delay = pair[0];
        let is_known = atoms.last().is_some_and(|atom| atom.delay == delay);
        if pair[1] != delay || delay.is_zero() || is_known {
            continue;
        }
        // A quantile found numerically may be a nanosecond off.
        let around = Duration::from_nanos(2);
        let share = delays.share_to(delay + around) - delays.share_to(delay.saturating_sub(around));
        if share >= LEAST {
            atoms.push(Atom { delay, share });
        }
    }
    if atoms.len() > MOST { Vec::new() } else { atoms }
}

/// The share of the calls that do not wait at all.
pub(super) fn zeros(delays: &DelayDistribution<'_>) -> f64 {
    delays.share_to(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use longsync_behavior::Behavior;

    use super::*;

    fn atoms_of(text: &str) -> Vec<(u128, u32)> {
        let behavior: Behavior = text.parse().unwrap();
        let percent =
            |share: f64| (0..=100).find(|it| (f64::from(*it) / 100.0 - share).abs() < 1e-4);
        let atoms = atoms(&behavior.delays(1));
        atoms.iter().map(|atom| (atom.delay.as_millis(), percent(atom.share).unwrap())).collect()
    }

    #[test]
    fn constants_and_equal_percentiles_are_atoms() {
        assert_eq!(atoms_of("5ms"), [(5, 100)]);
        assert_eq!(atoms_of("0s"), []);
        assert_eq!(atoms_of("mix(20%: 0s, 3%: 5ms, rest: uniform(1ms, 9ms))"), [(5, 3)]);
        assert_eq!(atoms_of("percentiles(50=5ms, 80=5ms, 90=9ms)"), [(5, 30)]);
        assert_eq!(atoms_of("lognormal(p50=10ms, p99=200ms)"), []);
    }
}
