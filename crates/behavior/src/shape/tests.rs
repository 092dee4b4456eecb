//! Properties of every shape.

mod laws;
mod refused;
mod text;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{DEFAULT_MOST, Percent};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn p(percent: f64) -> Percent {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100 %")]
    Percent::from_millionths((percent * 1e6).round() as u32).unwrap()
}

/// Parameters for any shape.
#[derive(Debug, Clone)]
struct Parameters {
    durations: [Duration; 3],
    percents: [Percent; 2],
    number: f64,
    most: Duration,
}

type Built = Result<Box<dyn Law>, ParameterError>;

/// How each shape is built from such parameters.
const SHAPES: [fn(Parameters) -> Built; 9] = [
    |it| boxed(Uniform::new(it.durations[0], it.durations[1], it.most)),
    |it| boxed(Normal::new(it.durations[0], it.durations[1], it.most)),
    |it| boxed(Exponential::new(it.durations[0], it.most)),
    |it| boxed(Pareto::new(it.durations[0], it.number, it.most)),
    |it| boxed(Lognormal::from_sigma(it.durations[0], it.number, it.most)),
    |it| {
        let [low, high] = [0, 1].map(|index| (it.percents[index], it.durations[index]));
        boxed(Lognormal::from_percentiles(low, high, it.most))
    },
    |it| boxed(Percentiles::new(&points(&it), None, it.most)),
    |it| {
        let mut points = points(&it);
        points.push((Percent::ALL, it.durations[2]));
        boxed(Percentiles::new(&points, None, it.most))
    },
    |it| {
        let nanos = it.durations.map(|value| (u64::try_from(value.as_nanos()).unwrap(), 3));
        boxed(Replay::new("times.csv", nanos.into()))
    },
];

fn points(of: &Parameters) -> Vec<(Percent, Duration)> {
    of.percents.into_iter().zip(of.durations).collect()
}

fn boxed<L: Law + 'static>(law: Result<L, ParameterError>) -> Built {
    law.map(|law| Box::new(law) as Box<dyn Law>)
}

/// From a nanosecond to a year, each order of magnitude as often as any other. Half of the time the durations
/// rise, as most shapes need them.
fn parameters() -> impl Strategy<Value = Parameters> {
    let duration = || (0.0..=1.0).prop_map(|u| YEAR.mul_f64(libm::pow(10.0, -16.5 * u)));
    let duration = move || duration().prop_map(|it| it.max(Duration::from_nanos(1)));
    let percent = || prop_oneof![1_u32..100_000_000, 1_u32..1_000, 99_999_000_u32..100_000_000];
    let percent = move || percent().prop_map(|it| Percent::from_millionths(it).unwrap());
    let durations = [duration(), duration(), duration()];
    (durations, [percent(), percent()], -6.0..6.0, duration(), any::<bool>(), any::<bool>())
        .prop_map(|(mut durations, mut percents, power, most, are_sorted, is_wide)| {
            if are_sorted {
                durations.sort();
                percents.sort();
            }
            let most = if is_wide { YEAR } else { most };
            Parameters { durations, percents, number: libm::pow(10.0, power), most }
        })
}

/// From the least to the greatest possible draw.
const DRAWS: [f64; 15] = [
    f64::EPSILON / 2.0,
    1e-12,
    1e-6,
    0.001,
    0.01,
    0.1,
    0.3,
    0.5,
    0.7,
    0.9,
    0.99,
    0.999,
    1.0 - 1e-6,
    1.0 - 1e-12,
    1.0 - f64::EPSILON / 2.0,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whatever the parameters, every value is a number between the law's ends; neither values nor shares
    /// ever fall; and the mean lies between the ends.
    #[test]
    fn values_and_shares_rise_between_the_ends(
        shape in 0..SHAPES.len(),
        parameters in parameters(),
        more in prop::collection::vec(1e-9_f64..1.0, 8),
    ) {
        let Ok(law) = SHAPES[shape](parameters) else { return Ok(()) };
        let mut draws: Vec<_> = DRAWS.into_iter().chain(more).collect();
        draws.sort_by(f64::total_cmp);
        let (least, greatest) = law.ends();
        let (mut value, mut share) = (least, 0.0);
        for u in draws {
            let (next, next_share) = (law.at(u), law.share_to(law.at(u)));
            prop_assert!(next >= value && next <= greatest, "{u}: {value} {next} {greatest}");
            prop_assert!(next_share >= share && next_share <= 1.0, "{u}: {share} {next_share}");
            (value, share) = (next, next_share);
        }
        let rounding = 1e-9 * greatest;
        let mean = law.mean();
        prop_assert!(mean >= least - rounding && mean <= greatest + rounding, "{mean}");
        prop_assert!((0.0..1.0).contains(&law.beyond()), "{}", law.beyond());
    }

    /// The share up to the value at u is u, to 1e-9 and to the rounding of the value. At an atom, u lies
    /// between the shares below it and up to it.
    #[test]
    fn shares_are_the_inverse_of_values(
        shape in 0..SHAPES.len(),
        parameters in parameters(),
        u in prop_oneof![1e-9_f64..1.0, prop::sample::select(&DRAWS)],
    ) {
        let Ok(law) = SHAPES[shape](parameters) else { return Ok(()) };
        let value = law.at(u);
        let below = law.share_to(value * (1.0 - 4.0 * f64::EPSILON) - 1e-200);
        let up_to = law.share_to(value * (1.0 + 4.0 * f64::EPSILON) + 1e-200);
        prop_assert!(below - 1e-9 <= u && u <= up_to + 1e-9, "{u}: {below} {up_to}");
    }
}

/// A percentile that is given is exact to the nanosecond.
#[test]
fn given_percentiles_are_exact() {
    let asked = [(25.0, 3), (50.0, 10), (90.0, 11), (99.0, 200), (99.9, 60_000)];
    let asked = asked.map(|(at, value)| (p(at), ms(value)));
    let percentiles = Percentiles::new(&asked, None, DEFAULT_MOST).unwrap();
    for (at, value) in asked {
        assert!((percentiles.at(at.fraction()) - nanos(value)).abs() < 0.01, "{at}");
    }
    for (low, high) in asked.into_iter().zip(asked.into_iter().skip(1)) {
        let law = Lognormal::from_percentiles(low, high, high.1).unwrap();
        for (at, value) in [low, high] {
            assert!((law.at(at.fraction()) - nanos(value)).abs() < 0.01, "{law}: {at}");
        }
    }
}

#[test]
fn the_tail_alone_of_a_log_normal_law_by_percentiles_is_conditioned() {
    let law = Lognormal::from_percentiles((p(50.0), ms(10)), (p(99.0), ms(200)), ms(250)).unwrap();
    let quantile = |u| format!("{:.2}", law.at(u) / 1e6);
    assert_eq!([0.99, 0.999, 0.9999].map(quantile), ["200.00", "243.33", "249.31"]);
}

#[test]
fn values_begin_at_half_of_the_first_point_unless_0_is_given() {
    let law = |points: &[_]| Percentiles::new(points, None, DEFAULT_MOST).unwrap();
    let points = [(p(50.0), ms(10)), (p(99.0), ms(80))];
    assert_eq!(law(&points).ends(), (5e6, 8e8));
    assert_eq!(law(&[points[0], points[1], (p(0.0), ms(1))]).ends(), (1e6, 8e8));
}

/// Equal values at the end are an atom that takes up the entire tail.
#[test]
fn a_law_whose_last_points_are_equal_ends_there() {
    let points = [(p(50.0), ms(1)), (p(90.0), ms(2)), (p(99.0), ms(2))];
    let law = Percentiles::new(&points, Some(ms(5)), DEFAULT_MOST).unwrap();
    assert_eq!((law.ends(), law.beyond()), ((5e5, 2e6), 0.0));
    assert!((law.at(0.95), law.at(0.9999)) == (2e6, 2e6) && law.share_to(2e6) >= 1.0);
}

/// 53 bits cannot distinguish all nanoseconds of long durations.
#[test]
fn nothing_is_drawn_beyond_a_max_that_is_rounded() {
    let year = 31_536_000_000_000_000;
    for most in year - 8..=year {
        let duration = Duration::from_nanos(most);
        let law = Exponential::new(duration, duration).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a year")]
        let greatest = law.ends().1 as u64;
        assert!((most - 7..=most).contains(&greatest), "{most}: {greatest}");
    }
}
