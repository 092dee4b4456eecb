use std::time::Instant;

use proptest::prelude::*;

use super::law::Law;
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

/// A cache that is hit four times of five, and the store behind it.
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

fn law(fitted: &Fitted) -> Law {
    Law::new(fitted.min_ns, &fitted.points, fitted.max_ns)
}

/// The distance, found in another way: by the law's share just before and just after each value, where both
/// come from halving the quantile function.
fn independent_ks(fitted: &Fitted, values: &[(u64, u64)]) -> f64 {
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

/// What the language demands of points.
fn is_valid(fitted: &Fitted) -> bool {
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
fn a_million_values_are_fitted_at_once() {
    let data = bimodal(1_000_000);
    let start = Instant::now();
    let fitted = values(&data).unwrap();
    println!(
        "{:?} {} points {} {:?}",
        start.elapsed(),
        fitted.points.len(),
        fitted.ks,
        fitted.worst
    );
    println!("{}", fitted.text());
    assert!(fitted.ks <= 0.01);
}
