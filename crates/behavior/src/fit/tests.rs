use proptest::prelude::*;

use super::law::FittedLaw;
use super::*;

/// Uniform numbers between 0 and 1, the same each time: a linear congruential generator.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (float(*state >> 12) + 0.5) / 4_503_599_627_370_496.0
}

/// Log-normal with the given median and sigma, by Box and Muller.
fn log_normal(median: f64, sigma: f64, state: &mut u64) -> u64 {
    let radius = f64::sqrt(-2.0 * libm::log(uniform(state)));
    let normal = radius * libm::cos(std::f64::consts::TAU * uniform(state));
    nanos(median * libm::exp(sigma * normal))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^63")]
fn nanos(nanos: f64) -> u64 {
    nanos as u64
}

fn counted(mut nanos: Vec<u64>) -> Vec<(u64, u64)> {
    nanos.sort_unstable();
    nanos.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect()
}

/// A cache that is hit four times out of five, and the store behind it.
fn bimodal(count: usize) -> Vec<(u64, u64)> {
    let mut state = 14;
    let draw = |_| match uniform(&mut state) {
        share if share < 0.8 => log_normal(2e6, 0.35, &mut state),
        _ => log_normal(80e6, 0.5, &mut state),
    };
    counted((0..count).map(draw).collect())
}

/// The value of a rank in the data: ceil(n p).
fn quantile(values: &[(u64, u64)], per_million: u64) -> u64 {
    let count: u64 = values.iter().map(|(_, count)| count).sum();
    let rank = (count * per_million).div_ceil(1_000_000);
    let mut reached = 0;
    values
        .iter()
        .find(|(_, count)| {
            reached += count;
            reached >= rank
        })
        .unwrap()
        .0
}

fn law(fitted: &Fit) -> FittedLaw {
    FittedLaw::new(fitted.min_ns, &fitted.points, fitted.max_ns)
}

/// The distance, computed in another way: from the law's shares just before and just after each value, both
/// found by bisecting the quantile function.
fn independent_ks(fitted: &Fit, values: &[(u64, u64)]) -> f64 {
    let zero = share(fitted.zero_share);
    let law = law(fitted);
    let total: f64 = values.iter().map(|(_, count)| float(*count)).sum();
    let share_while = |holds: &dyn Fn(u64) -> bool| {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if holds(law.quantile(middle)) { low = middle } else { high = middle }
        }
        zero + (1.0 - zero) * low
    };
    let (mut below, mut worst) = (0.0, 0.0_f64);
    for (value, count) in values {
        let up_to = below + float(*count) / total;
        let (law_below, law_up_to) = match value {
            0 => (0.0, zero),
            _ => (share_while(&|drawn| drawn < *value), share_while(&|drawn| drawn <= *value)),
        };
        worst = worst.max((law_below - below).abs()).max((law_up_to - up_to).abs());
        below = up_to;
    }
    worst
}

/// Whether points are what the language demands.
fn is_valid(fitted: &Fit) -> bool {
    let inner = &fitted.points;
    let is_constant = inner.is_empty() && fitted.max_ns == Some(fitted.min_ns);
    let in_order = inner.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
    let ends = inner.first().zip(inner.last()).is_some_and(|(first, last)| {
        first.0 > 0
            && last.0 < WHOLE
            && (1..=first.1).contains(&fitted.min_ns)
            && fitted.max_ns.is_none_or(|max| max >= last.1)
    });
    is_constant || (in_order && ends && (2..=MOST_INNER).contains(&inner.len()))
}

#[test]
fn a_bimodal_service_is_reproduced() {
    let data = bimodal(100_000);
    let fitted = values(&data).unwrap();
    assert!(is_valid(&fitted), "{fitted:?}");
    assert!(fitted.ks <= 0.01, "{}", fitted.ks);
    assert!((fitted.ks - independent_ks(&fitted, &data)).abs() < 1e-6);
    let law = law(&fitted);
    for per_million in (500_000..=999_000).step_by(1_000) {
        let (asked, drawn) =
            (float(quantile(&data, per_million)), float(law.quantile(float(per_million) / 1e6)));
        assert!((drawn / asked - 1.0).abs() <= 0.02, "{per_million}: {drawn} for {asked}");
    }
    assert!(fitted.text().len() < 4_096 && fitted.text().starts_with("percentiles(0="));
    assert_eq!(fitted.guess_above, None);
}

#[test]
fn a_million_values_are_fitted_too() {
    let data = bimodal(1_000_000);
    let fitted = values(&data).unwrap();
    assert!(fitted.ks <= 0.01);
}

/// Values of many magnitudes, some or many of them equal, with zeros.
fn data() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let value = (0_u32..46, any::<u64>()).prop_map(|(bits, value)| value >> (63 - bits));
    let near = (1_u64..200, 1_u64..5).prop_map(|(value, unit)| value * unit * 1_000_000);
    let weighted = (prop_oneof![value, near, Just(0)], 1_u64..100);
    proptest::collection::vec(weighted, 1..300).prop_map(|weighted| {
        let each = |(value, count): (u64, u64)| (0..count).map(move |_| value);
        counted(weighted.into_iter().flat_map(each).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was recorded, the points are valid in the language, the same values give the same fit, and
    /// the distance equals the one computed in another way.
    #[test]
    fn any_values_are_fitted_and_the_distance_is_true(data in data()) {
        let fitted = values(&data).unwrap();
        prop_assert!(is_valid(&fitted), "{fitted:?}");
        prop_assert!(fitted.text().len() <= 4_096);
        prop_assert_eq!(&values(&data).unwrap(), &fitted);
        if fitted.points.is_empty() {
            prop_assert!(fitted.ks < 1e-8);
        } else {
            let independent = independent_ks(&fitted, &data);
            // Values are drawn as whole nanoseconds, which blurs the shares of very short values.
            if data.iter().all(|(value, _)| *value == 0 || *value > 100_000_000) {
                prop_assert!((fitted.ks - independent).abs() < 1e-4, "{} {independent}", fitted.ks);
            }
            prop_assert!(fitted.ks <= 1.0);
        }
    }

    /// With up to 30 different values, each can have its own points: then the distance is at most 0.01, or
    /// half of one value's share.
    #[test]
    fn few_values_are_reproduced(data in proptest::collection::btree_map(1_u64..1 << 40, 1_u64..100, 2..30)) {
        let data: Vec<_> = data.into_iter().collect();
        let total: f64 = data.iter().map(|(_, count)| float(*count)).sum();
        let fitted = values(&data).unwrap();
        prop_assert!(is_valid(&fitted), "{fitted:?}");
        prop_assert!(fitted.ks <= f64::max(0.01, 0.51 / total), "{} of {total}", fitted.ks);
    }

    /// The law of buckets has the data's share at each bound, to 0.1 %, whichever buckets are empty, if there
    /// are no more bounds than points.
    #[test]
    fn a_law_of_buckets_has_the_share_at_each_bound(
        steps in proptest::collection::vec((1_u64..50_000_000, prop_oneof![Just(0), 0_u64..5_000]), 1..62),
        first in 0_u64..1_000_000,
        above in prop_oneof![Just(0), 0_u64..50_000],
    ) {
        let (mut bound, mut count) = (first, 0);
        let bounds: Vec<_> = steps.iter().map(|(width, more)| {
            (bound, count) = (bound + width, count + more);
            (bound, count)
        }).collect();
        let total = count + above;
        match buckets(&bounds, total) {
            Err(FitError::Empty) => prop_assert_eq!(total, 0),
            Err(why) => prop_assert!(why == FitError::AllAbove && count == 0),
            Ok(fitted) => {
                prop_assert!(is_valid(&fitted), "{fitted:?}");
                prop_assert!(fitted.ks <= 0.001, "{} {fitted:?}", fitted.ks);
                let guess = fitted.guess_above.map_or(0.0, |guess| share(guess.share));
                prop_assert!((guess - float(above) / float(total)).abs() < 1e-6);
                let law = law(&fitted);
                for (bound, count) in &bounds {
                    let off = law.share_to(*bound) - float(*count) / float(total);
                    prop_assert!(off.abs() <= 0.001, "{bound} {off}");
                }
            }
        }
    }

    /// The given percentiles are kept: at each of them, the law has its value.
    #[test]
    fn given_percentiles_are_kept(
        values in proptest::collection::vec(prop_oneof![Just(0), 0_u64..1 << 40], 2..20),
        percents in proptest::collection::btree_set(0_u32..=WHOLE / 100_000, 20),
    ) {
        let mut values = values;
        values.sort_unstable();
        let percents = percents.into_iter().map(|percent| percent * 100_000);
        let points: Vec<_> = percents.zip(values).collect();
        let fitted = match percentiles(&points) {
            Ok(fitted) => fitted,
            Err(why) => {
                prop_assert_eq!(why, FitError::TooFewPercentiles);
                return Ok(());
            }
        };
        prop_assert!(is_valid(&fitted) || fitted.min_ns == 0, "{fitted:?}");
        prop_assert!(fitted.ks < 1e-7, "{fitted:?}");
        if let Some(worst) = fitted.worst {
            prop_assert!(worst.law_ns.abs_diff(worst.asked_ns) <= worst.asked_ns / 1_000 + 1, "{worst:?}");
        }
    }
}

#[test]
fn a_fit_is_printed_as_a_behavior() {
    let ms = 1_000_000;
    let text = |fitted: Result<Fit, FitError>| fitted.unwrap().text();
    assert_eq!(text(values(&[(0, 7)])), "0s");
    assert_eq!(text(values(&[(5 * ms, 7)])), "5ms");
    assert_eq!(text(values(&[(0, 1), (5 * ms, 3)])), "mix(25%: 0s, rest: 5ms)");
    assert_eq!(
        text(values(&[(5 * ms, 1), (9 * ms, 1)])),
        "percentiles(0=5ms, 25=5ms, 75=9ms, 100=9ms)"
    );
    assert_eq!(
        text(values(&[(0, 50), (ms, 25), (2 * ms, 25)])),
        "mix(50%: 0s, rest: percentiles(0=1ms, 49=1ms, 51=2ms, 99=2ms))"
    );
    assert_eq!(
        text(buckets(&[(5 * ms, 50), (10 * ms, 90), (20 * ms, 100)], 100)),
        "percentiles(0=2.5ms, 50=5ms, 90=10ms, 100=20ms)"
    );
    assert_eq!(
        text(percentiles(&[(50_000_000, 10 * ms), (99_900_000, 80 * ms), (WHOLE, 1_000 * ms)])),
        "percentiles(0=5ms, 50=10ms, 99.9=80ms, 100=1s)"
    );
}

#[test]
fn the_part_above_the_last_bound_is_reported_as_a_guess() {
    let fitted = buckets(&[(0, 200), (5_000_000, 600), (10_000_000, 998)], 1_000).unwrap();
    assert_eq!(
        fitted.guess_above,
        Some(GuessAbove { share: 200_000, from_ns: 10_000_000, to_ns: 100_000_000 })
    );
    assert_eq!(fitted.text(), "mix(20%: 0s, rest: percentiles(0=2.5ms, 50=5ms, 99.75=10ms))");
}

#[test]
fn data_that_cannot_be_fitted_is_refused() {
    assert_eq!(values(&[]), Err(FitError::Empty));
    assert_eq!(values(&[(2, 1), (1, 1)]), Err(FitError::Unordered));
    assert_eq!(values(&[(1, u64::MAX), (2, 1)]), Err(FitError::Unordered));
    assert_eq!(buckets(&[], 3), Err(FitError::AllAbove));
    assert_eq!(buckets(&[(1, 4)], 3), Err(FitError::Unordered));
    assert_eq!(buckets(&[(1, 0)], 0), Err(FitError::Empty));
    assert_eq!(percentiles(&[]), Err(FitError::Empty));
    assert_eq!(percentiles(&[(1, 5), (WHOLE, 6)]), Err(FitError::TooFewPercentiles));
    assert_eq!(percentiles(&[(2, 5), (1, 6)]), Err(FitError::Unordered));
    let many: Vec<_> = (1..=62).map(|percent| (percent, 5)).collect();
    assert_eq!(percentiles(&many), Err(FitError::TooManyPercentiles));
}
