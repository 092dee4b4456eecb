//! Parameters that do not make a law, and which of them is at fault.

use super::*;

const NO_TIME: Duration = Duration::ZERO;

#[track_caller]
fn refused<L: fmt::Debug>(law: Result<L, ParameterError>, parameter: Option<usize>, said: &str) {
    let why = law.unwrap_err();
    assert_eq!(why.parameter(), parameter, "{why}");
    assert!(why.to_string().contains(said), "{why}");
}

#[test]
fn parameters_without_a_meaning_are_refused() {
    let most = ms(1_000);
    refused(Uniform::new(ms(5), ms(5), most), Some(1), "write the constant 5ms");
    refused(Uniform::new(ms(5), ms(3), most), Some(1), "write uniform(3ms, 5ms)");
    refused(Normal::new(NO_TIME, ms(1), most), Some(0), "above 0s");
    refused(Normal::new(ms(1), NO_TIME, most), Some(1), "above 0s");
    refused(Exponential::new(NO_TIME, most), Some(0), "above 0s");
    refused(Pareto::new(NO_TIME, 1.0, most), Some(0), "above 0s");
    for number in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(Pareto::new(ms(1), number, most), Some(1), "a number above 0");
        refused(Lognormal::from_sigma(ms(1), number, most), Some(1), "a number above 0");
    }
}

#[test]
fn durations_above_the_max_are_refused() {
    let (most, long) = (ms(10), ms(11));
    refused(Uniform::new(ms(1), long, most), Some(1), "ask for at most 10ms");
    refused(Uniform::new(long, long, most), Some(0), "ask for at most 10ms");
    refused(Normal::new(ms(1), long, most), Some(1), "ask for at most 10ms");
    refused(Exponential::new(long, most), Some(0), "ask for at most 10ms");
    refused(Pareto::new(long, 1.0, most), Some(0), "ask for at most 10ms");
    refused(Lognormal::from_sigma(long, 1.0, most), Some(0), "ask for at most 10ms");
    let points = [(p(50.0), ms(5)), (p(99.0), long)];
    let lognormal = |most| Lognormal::from_percentiles(points[0], points[1], most);
    refused(lognormal(most), Some(1), "p99, 11ms, is over the limit: ask for at most 10ms");
    refused(
        Percentiles::new(&points, Some(most), DEFAULT_MOST),
        Some(1),
        "at 99%, 11ms, is over the limit",
    );
    refused(Percentiles::new(&points, None, most), Some(1), "at 99%, 11ms, is over the limit");
    refused(Percentiles::new(&points, Some(ms(20)), ms(15)), None, "over the limit of 15ms");
}

#[test]
fn a_law_that_lies_almost_entirely_beyond_its_max_is_refused() {
    refused(Pareto::new(ms(10), 0.001, ms(1_000)), None, "less than 1%");
    refused(Pareto::new(ms(10), 1.0, ms(10)), None, "less than 1%");
    let points = [(p(0.1), ms(10)), (p(0.2), ms(20))];
    let lognormal = |most| Lognormal::from_percentiles(points[0], points[1], most);
    refused(lognormal(ms(20)), None, "less than 1%");
    refused(Percentiles::new(&points, None, ms(20)), None, "less than 1%");
}

#[test]
fn percentiles_that_are_not_those_of_a_log_normal_law_are_refused() {
    let law = |one: (f64, u64), other: (f64, u64)| {
        let [one, other] = [one, other].map(|(at, value)| (p(at), ms(value)));
        Lognormal::from_percentiles(one, other, DEFAULT_MOST)
    };
    refused(law((0.0, 1), (99.0, 2)), Some(0), "not between p0 and p100");
    refused(law((50.0, 1), (100.0, 2)), Some(1), "not between p0 and p100");
    refused(law((50.0, 1), (50.0, 2)), Some(1), "p50 is given twice");
    refused(law((50.0, 0), (99.0, 2)), Some(0), "above 0s");
    refused(law((99.0, 2), (50.0, 2)), None, "write the constant 2ms");
    refused(law((99.0, 1), (50.0, 2)), None, "p99 must be above p50, which is 2ms");
    // Two durations that are the same number in 53 bits.
    let [low, high] = [1, 2].map(|nanos| Duration::from_nanos(31_535_999_999_999_996 + nanos));
    let law = Lognormal::from_percentiles((p(50.0), low), (p(99.0), high), YEAR);
    refused(law, None, "p99 must be above p50");
}

#[test]
fn points_that_no_law_goes_through_are_refused() {
    let law = |points: &[(f64, u64)]| {
        let points: Vec<_> = points.iter().map(|(at, value)| (p(*at), ms(*value))).collect();
        Percentiles::new(&points, None, DEFAULT_MOST)
    };
    for few in [&[][..], &[(50.0, 1)], &[(0.0, 1), (50.0, 2), (100.0, 3)], &[(0.0, 1), (100.0, 3)]]
    {
        refused(law(few), None, "at least two points");
    }
    let many: Vec<_> = (1..=65).map(|at| (f64::from(at), 1)).collect();
    refused(law(&many), Some(64), "write at most 64");
    assert!(law(&many[..64]).is_ok());
    refused(law(&[(99.0, 9), (50.0, 0)]), Some(1), "above 0s");
    refused(law(&[(99.0, 9), (50.0, 1), (99.0, 9)]), Some(2), "99% is given twice");
    refused(law(&[(99.0, 9), (50.0, 10)]), Some(0), "write at least 10ms at 99%");
    refused(law(&[(100.0, 8), (50.0, 1), (99.0, 9)]), Some(0), "write at least 9ms at 100%");
    refused(law(&[(50.0, 9), (99.0, 9), (100.0, 10)]), Some(2), "write 100=9ms");
    assert!(law(&[(50.0, 9), (99.0, 9), (100.0, 9)]).is_ok());
}

#[test]
fn a_recording_without_values_is_refused() {
    refused(Replay::new("none", vec![]), Some(0), "has no values");
    refused(Replay::new("none", vec![(5, 0)]), Some(0), "has no values");
    refused(Replay::new("all", vec![(5, u64::MAX), (6, 1)]), Some(0), "more values");
}
