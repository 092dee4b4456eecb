//! Correlations compared with the textbook's.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;

fn of(values: &[i64]) -> Succession {
    let mut succession = Succession::default();
    for nanos in values {
        succession.record(*nanos);
    }
    succession
}

#[expect(clippy::cast_precision_loss, reason = "durations of weeks are exact")]
fn float(count: i64) -> f64 {
    count as f64
}

/// Pearson's correlation of the logarithms of pairs.
fn pearson(pairs: &[(i64, i64)], logarithm: fn(i64) -> f64) -> f64 {
    let pairs: Vec<_> = pairs.iter().map(|(x, y)| (logarithm(*x), logarithm(*y))).collect();
    let count = float(i64::try_from(pairs.len()).unwrap());
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(&|pair| pair.0), mean(&|pair| pair.1));
    let variance = |of: &dyn Fn(&(f64, f64)) -> f64| mean(&|pair| of(pair) * of(pair));
    let together = mean(&|pair| (pair.0 - x) * (pair.1 - y));
    together / (variance(&|pair| pair.0 - x) * variance(&|pair| pair.1 - y)).sqrt()
}

/// The exact logarithm.
fn log(nanos: i64) -> f64 {
    libm::log(float(nanos))
}

fn pairs(values: &[i64]) -> Vec<(i64, i64)> {
    values.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Durations, each of which is the previous one times 1/2 to 2; a larger `pull` draws them back to 10 ms more
/// strongly.
fn walk() -> impl Strategy<Value = Vec<i64>> {
    (0.0..1.0, proptest::collection::vec(-1.0..1.0, 1_000..1_500)).prop_map(|(pull, steps)| {
        let mut away: f64 = 0.0;
        let values = steps.iter().map(|step| {
            away = away * (1.0 - pull) + step;
            libm::round(1e7 * libm::exp2(away))
        });
        #[expect(clippy::cast_possible_truncation, reason = "they are durations")]
        values.map(|nanos| nanos.clamp(1.0, 1e15) as i64).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The correlation is Pearson's, of exact logarithms, except for the effect of one call more or less at
    /// the ends.
    #[test]
    fn the_correlation_is_pearsons(values in walk()) {
        let correlation = of(&values).correlation().unwrap();
        prop_assert!((correlation - pearson(&pairs(&values), log)).abs() < 0.005, "{correlation}");
    }

    /// Merged, it is exactly Pearson's correlation of the pairs of all workers, and of no other pairs, if
    /// each is taken in both orders.
    #[test]
    fn merged_is_the_pairs_of_all_workers(first in walk(), second in walk(), third in walk()) {
        let workers = [first, second, third];
        let mut merged = Succession::default();
        for values in &workers {
            merged.merge(&of(values));
        }
        let pairs = workers.iter().flat_map(|values| pairs(values));
        let both_orders: Vec<_> = pairs.flat_map(|(x, y)| [(x, y), (y, x)]).collect();
        let expected = pearson(&both_orders, log2);
        let correlation = merged.correlation().unwrap();
        prop_assert!((correlation - expected).abs() < 1e-9, "{correlation} {expected}");
    }
}

/// Durations of 500 ms that differ by 10 us: each call is 1 us longer than the one before, ten times.
#[test]
fn a_correlation_of_small_differences_is_not_lost_in_rounding() {
    let values: Vec<_> = (0..1_000_000).map(|n| 500_000_000 + n % 10 * 1_000).collect();
    let correlation = of(&values).correlation().unwrap();
    assert!((correlation - pearson(&pairs(&values), log)).abs() < 0.001, "{correlation}");
}

#[test]
fn neither_few_calls_nor_equal_ones_have_a_correlation() {
    let values: Vec<_> = (1..1_000).collect();
    assert_eq!(of(&values).correlation(), None);
    assert!(of(&[values, vec![1_000]].concat()).correlation().is_some());
    let equal = of(&vec![5_000_000; 100_000]);
    assert_eq!(equal.correlation(), None);
    assert!(!equal.is_dependent());
}

#[test]
fn many_workers_of_a_single_call_have_no_pairs() {
    let mut merged = Succession::default();
    for nanos in 0..2_000 {
        merged.merge(&of(&[nanos]));
    }
    assert_eq!(merged.correlation(), None);
}

#[test]
fn a_call_after_a_merged_worker_is_not_its_successor() {
    let values: Vec<_> = (1..=2_000).map(|n| n * 1_000).collect();
    let mut merged = Succession::default();
    merged.merge(&of(&values));
    merged.record(1);
    assert_eq!(merged.correlation(), of(&values).correlation());
}

#[test]
fn rising_calls_depend_and_alternating_ones_do_not() {
    let rising: Vec<_> = (1..2_000).map(|n| n * 1_000).collect();
    assert!(of(&rising).is_dependent());
    let alternating: Vec<_> = (0..2_000).map(|n| 1_000 + n % 2).collect();
    let correlation = of(&alternating).correlation().unwrap();
    assert!(correlation < -0.99, "{correlation}");
}

/// Each call contains the same part of the previous call. The standard error of the correlation is 0.003.
#[test]
fn calls_depend_from_a_correlation_of_0_1_on() {
    let dependent = |part: f64| {
        let mut random = ChaCha8Rng::seed_from_u64(15);
        let mut last = 0.0;
        let mut succession = Succession::default();
        for _ in 0..100_000 {
            let own = f64::from(random.next_u32()) / libm::exp2(32.0);
            #[expect(clippy::cast_possible_truncation, reason = "they are durations of seconds")]
            succession.record(libm::exp(20.0 + own + part * last) as i64);
            last = own;
        }
        succession.is_dependent()
    };
    // Correlations of part / (1 + part^2): 0.088 and 0.112.
    assert!(!dependent(0.089));
    assert!(dependent(0.114));
}
