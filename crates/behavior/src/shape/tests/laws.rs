//! Values of each shape compared with the law that `SciPy` computed: tests/laws/laws.txt, which is
//! independent of our functions. Seed and level (0.1 % per test) were chosen before the first run.

use std::hash::Hasher as _;
use std::sync::LazyLock;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use super::*;

const COMPUTED: &str = include_str!("../../../tests/laws/laws.txt");
const SEED: u64 = 14;
const DRAWS: usize = 200_000;
/// The Kolmogorov-Smirnov distance that this number of values exceeds with a probability of 0.1 %.
const CRITICAL_DISTANCE: f64 = 0.00436;
/// The computed values have 12 or 13 digits, and ours use another inverse normal.
const PRECISION: f64 = 1e-9;

/// The expected figures of a law.
#[derive(Debug, Default)]
struct Expected {
    mean: f64,
    quantiles: Vec<(f64, f64)>,
    /// A value, and the fewest and the most values that may exceed it.
    tails: Vec<(f64, usize, usize)>,
    /// A value, and the probabilities of less than the value and of at most the value.
    cdf: Vec<(f64, f64, f64)>,
}

fn expected(text: &str) -> Expected {
    let mut expected = Expected::default();
    let lines = COMPUTED.lines().skip_while(|line| line.strip_prefix("law ") != Some(text)).skip(1);
    for line in lines.take_while(|line| !line.starts_with("law ")) {
        let fields: Vec<_> = line.split(' ').collect();
        let number = |index: usize| fields[index].parse::<f64>().unwrap();
        let count = |index: usize| fields[index].parse().unwrap();
        match fields[0] {
            "mean" => expected.mean = number(1),
            "quantile" => expected.quantiles.push((number(1), number(2))),
            "tail" => expected.tails.push((number(1), count(2), count(3))),
            _ => expected.cdf.push((number(1), number(fields.len().min(4) - 1), number(2))),
        }
    }
    expected
}

/// Uniform numbers as calls draw them, ascending: values rise with them.
static UNIFORMS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    #[expect(clippy::cast_precision_loss, reason = "52 bits are exact")]
    let uniform = |half: u64| ((half >> 12) as f64 + 0.5) / libm::exp2(52.0);
    let halves = (0..DRAWS as u64 / 2).flat_map(|counter| {
        let mut hasher = SipHasher24::new_with_keys(SEED, 0);
        hasher.write(&counter.to_le_bytes());
        let hash = hasher.finish128();
        [hash.h1, hash.h2]
    });
    let mut uniforms: Vec<_> = halves.map(uniform).collect();
    uniforms.sort_unstable_by(f64::total_cmp);
    uniforms
});

#[expect(clippy::cast_precision_loss, reason = "200,000 is exact")]
fn share(count: usize) -> f64 {
    count as f64 / DRAWS as f64
}

fn agrees(law: &(impl Law + fmt::Display), text: &str) {
    assert_eq!(law.to_string(), text);
    let expected = expected(text);
    assert!(
        (law.mean() / expected.mean - 1.0).abs() < PRECISION,
        "{} {}",
        law.mean(),
        expected.mean
    );
    for (u, quantile) in expected.quantiles {
        assert!((law.at(u) / quantile - 1.0).abs() < PRECISION, "{u}: {} {quantile}", law.at(u));
    }
    let values: Vec<_> = UNIFORMS.iter().map(|u| law.at(*u)).collect();
    assert!(values.is_sorted());
    for (value, below, up_to) in expected.cdf {
        assert!((law.share_to(value) - up_to).abs() < PRECISION, "{value}");
        let drawn_below = share(values.partition_point(|drawn| *drawn < value));
        let drawn_up_to = share(values.partition_point(|drawn| *drawn <= value));
        let distance = (drawn_below - below).abs().max((drawn_up_to - up_to).abs());
        assert!(distance < CRITICAL_DISTANCE, "{value}: {distance}");
    }
    for (quantile, least, most) in expected.tails {
        let exceeding = DRAWS - values.partition_point(|drawn| *drawn <= quantile);
        assert!((least..=most).contains(&exceeding), "{quantile}: {exceeding}");
    }
}

#[test]
fn uniform_laws_agree() {
    agrees(&Uniform::new(ms(1), ms(5), DEFAULT_MOST).unwrap(), "uniform(1ms, 5ms)");
    agrees(&Uniform::new(ms(0), ms(1_000), DEFAULT_MOST).unwrap(), "uniform(0s, 1s)");
}

#[test]
fn normal_laws_agree() {
    agrees(&Normal::new(ms(20), ms(5), DEFAULT_MOST).unwrap(), "normal(20ms, 5ms)");
    agrees(&Normal::new(ms(10), ms(20), ms(30)).unwrap(), "normal(10ms, 20ms) max 30ms");
}

#[test]
fn exponential_laws_agree() {
    agrees(&Exponential::new(ms(10), DEFAULT_MOST).unwrap(), "exponential(10ms)");
    let half = "exponential(400ms) max 500ms";
    agrees(&Exponential::new(ms(400), ms(500)).unwrap(), half);
}

#[test]
fn pareto_laws_agree() {
    agrees(&Pareto::new(ms(1), 1.5, DEFAULT_MOST).unwrap(), "pareto(1ms, 1.5)");
    agrees(&Pareto::new(ms(10), 0.7, ms(1_000)).unwrap(), "pareto(10ms, 0.7) max 1s");
}

#[test]
fn log_normal_laws_by_percentiles_agree() {
    let law = |most| Lognormal::from_percentiles((p(50.0), ms(10)), (p(99.0), ms(200)), most);
    agrees(&law(DEFAULT_MOST).unwrap(), "lognormal(p50=10ms, p99=200ms)");
    agrees(&law(ms(250)).unwrap(), "lognormal(p50=10ms, p99=200ms) max 250ms");
}

#[test]
fn log_normal_laws_by_sigma_agree() {
    let law = |sigma, most| Lognormal::from_sigma(ms(10), sigma, most).unwrap();
    agrees(&law(1.2, DEFAULT_MOST), "lognormal(p50=10ms, sigma=1.2)");
    agrees(&law(2.0, ms(50)), "lognormal(p50=10ms, sigma=2) max 50ms");
}

#[test]
fn laws_by_percentiles_agree() {
    let law = |points: &[(f64, u64)]| {
        let points: Vec<_> = points.iter().map(|(at, value)| (p(*at), ms(*value))).collect();
        Percentiles::new(&points, None, DEFAULT_MOST).unwrap()
    };
    let open = law(&[(50.0, 10), (90.0, 20), (99.0, 80)]);
    agrees(&open, "percentiles(50=10ms, 90=20ms, 99=80ms)");
    let whole = [(0.0, 1), (50.0, 5), (75.0, 5), (95.0, 30), (99.9, 1_000), (100.0, 1_500)];
    agrees(&law(&whole), "percentiles(0=1ms, 50=5ms, 75=5ms, 95=30ms, 99.9=1s, 100=1.5s)");
}

#[test]
fn replays_agree() {
    let few =
        [(1, 1), (2, 5), (10, 4), (1_000, 1)].map(|(value, count)| (value * 1_000_000, count));
    agrees(&Replay::new("few", few.into()).unwrap(), r#"replay("few")"#);
    let many = (1..=1_000).map(|n| (n * n * 1_000, n % 7)).collect();
    agrees(&Replay::new("many", many).unwrap(), r#"replay("many")"#);
}
