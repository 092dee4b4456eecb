//! Random arrivals, tested against their laws. Seeds and levels (0.1 % per test) were chosen before the first
//! run.

use super::*;

const SEED: u64 = 15;
const GAPS: usize = 100_000;
/// The Kolmogorov-Smirnov distance that is exceeded with a probability of 0.1 % at this number of values.
const CRITICAL_DISTANCE: f64 = 0.0062;
/// The share of values above a quantile, and the range in which their number lies: 99.9 % of a binomial
/// distribution, according to `SciPy` 1.17.1.
const TAILS: [(f64, usize, usize); 3] =
    [(0.1, 9_689, 10_313), (0.01, 898, 1_105), (0.001, 69, 134)];

/// The greatest distance between the distribution of these values and a law, on both sides of each value,
/// since several may be equal.
#[expect(clippy::cast_precision_loss, reason = "100,000 is exact")]
fn distance(mut values: Vec<f64>, law: impl Fn(f64) -> f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let count = values.len() as f64;
    let at = |value: f64| {
        let below = values.partition_point(|other| *other < value) as f64 / count;
        let up_to = values.partition_point(|other| *other <= value) as f64 / count;
        (below - law(value)).abs().max((up_to - law(value)).abs())
    };
    values.iter().map(|value| at(*value)).fold(0.0, f64::max)
}

/// Asserts that these are independent exponential numbers with mean 1.
fn are_exponential(gaps: &[f64]) {
    assert_eq!(gaps.len(), GAPS);
    let found = distance(gaps.to_vec(), |gap| -(-gap).exp_m1());
    assert!(found < CRITICAL_DISTANCE, "{found}");
    for (share, least, most) in TAILS {
        let quantile = -share.ln();
        let exceeding = gaps.iter().filter(|gap| **gap > quantile).count();
        assert!((least..=most).contains(&exceeding), "{quantile}: {exceeding}");
    }
    // The correlation of successive values is normal with a standard error of 1 / sqrt(n): 3.29 of them at
    // 0.1 %.
    let products = gaps.windows(2).map(|pair| (pair[0] - 1.0) * (pair[1] - 1.0));
    let correlation = products.sum::<f64>() / 99_999.0;
    assert!(correlation.abs() < 3.29 / 316.2, "{correlation}");
}

#[expect(clippy::cast_precision_loss, reason = "a run of minutes")]
fn seconds(due_ns: &[u64]) -> Vec<f64> {
    due_ns.iter().map(|at| *at as f64 / 1e9).collect()
}

#[test]
fn poisson_gaps_are_exponential() {
    let due = due_ns(&Schedule::poisson(rate("1000/s"), SEED), GAPS + 1);
    let gaps: Vec<_> = seconds(&due).windows(2).map(|pair| (pair[1] - pair[0]) * 1_000.0).collect();
    are_exponential(&gaps);
}

#[test]
fn poisson_gaps_on_a_line_are_exponential_in_its_area() {
    // 10 t^2 calls have been due after t seconds.
    let due =
        due_ns(&open("line(from=0/s, to=4000/s, in=200s)", Arrivals::Poisson, SEED), GAPS + 1);
    let areas: Vec<_> = seconds(&due).iter().map(|t| 10.0 * t * t).collect();
    let gaps: Vec<_> = areas.windows(2).map(|pair| pair[1] - pair[0]).collect();
    are_exponential(&gaps);
}

#[test]
fn every_worker_draws_the_gaps_of_the_same_poisson_run() {
    let two = NonZeroUsize::new(2).unwrap();
    let schedule = Schedule::poisson(rate("1000/s"), SEED);
    let other = schedule.due_times(Duration::ZERO, WorkerShare::of(1, two)).unwrap();
    let other: Vec<_> = other.take(50_000).map(|arrival| arrival.due.as_nanos()).collect();
    let whole = due_ns(&schedule, GAPS);
    assert_eq!(other, whole.iter().skip(1).step_by(2).copied().collect::<Vec<_>>());
}

#[test]
fn uniform_arrivals_are_uniform_in_slots_of_their_own() {
    let due = due_ns(&open("constant(1000/s)", Arrivals::Uniform, SEED), GAPS);
    let slot_ns = 1_000_000;
    assert!(due.iter().zip(0..).all(|(at, slot)| at / slot_ns == slot));
    let within: Vec<_> = due.iter().map(|at| at % slot_ns).collect();
    let within: Vec<_> = seconds(&within).iter().map(|it| it * 1_000.0).collect();
    let found = distance(within.clone(), |share| share);
    assert!(found < CRITICAL_DISTANCE, "{found}");
    let products = within.windows(2).map(|pair| (pair[0] - 0.5) * (pair[1] - 0.5) * 12.0);
    let correlation = products.sum::<f64>() / 99_999.0;
    assert!(correlation.abs() < 3.29 / 316.2, "{correlation}");
}

#[test]
fn a_seed_gives_these_due_times_in_every_version() {
    let poisson = due_ns(&Schedule::poisson(rate("1000/s"), 1), 5);
    assert_eq!(poisson, [910_095, 3_431_039, 3_947_614, 5_464_817, 6_724_688]);
    let uniform = due_ns(&open("constant(1000/s)", Arrivals::Uniform, 1), 5);
    assert_eq!(uniform, [402_485, 1_080_383, 2_596_560, 3_219_324, 4_283_690]);
}
