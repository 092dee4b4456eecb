//! The canonical text of each shape.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn reads(law: Result<impl fmt::Display, ParameterError>, text: &str) {
    assert_eq!(law.unwrap().to_string(), text);
}

#[test]
fn parameters_are_printed_as_short_as_possible() {
    reads(Uniform::new(Duration::ZERO, ms(1_500), SECOND * 2), "uniform(0s, 1.5s)");
    reads(Pareto::new(ms(10), 1.0, DEFAULT_MOST), "pareto(10ms, 1)");
    reads(Pareto::new(ms(10), 0.1 + 0.2, DEFAULT_MOST), "pareto(10ms, 0.30000000000000004)");
    reads(
        Lognormal::from_sigma(ms(10), 1e-7, DEFAULT_MOST),
        "lognormal(p50=10ms, sigma=0.0000001)",
    );
    let zeros = "0".repeat(21);
    let large = format!("lognormal(p50=10ms, sigma=1{zeros})");
    reads(Lognormal::from_sigma(ms(10), 1e21, DEFAULT_MOST), &large);
}

#[test]
fn percentiles_are_printed_in_ascending_order() {
    let (first, second) = ((p(99.95), ms(200)), (p(50.0), ms(10)));
    let law = Lognormal::from_percentiles(first, second, DEFAULT_MOST);
    reads(law, "lognormal(p50=10ms, p99.95=200ms)");
    let points = [(p(100.0), SECOND), (p(50.0), ms(10)), (p(0.0), ms(1)), (p(99.9), ms(80))];
    let law = Percentiles::new(&points, None, DEFAULT_MOST);
    reads(law, "percentiles(0=1ms, 50=10ms, 99.9=80ms, 100=1s)");
}

/// A text means the same on any server, so it names a max that is not every server's limit.
#[test]
fn the_max_is_printed_if_it_is_not_an_hour() {
    reads(Normal::new(ms(20), ms(5), SECOND), "normal(20ms, 5ms) max 1s");
    reads(Exponential::new(ms(20), SECOND), "exponential(20ms) max 1s");
    reads(Exponential::new(ms(20), DEFAULT_MOST * 2), "exponential(20ms) max 2h");
    reads(Pareto::new(ms(20), 1.5, SECOND), "pareto(20ms, 1.5) max 1s");
    reads(Lognormal::from_sigma(ms(20), 1.5, SECOND), "lognormal(p50=20ms, sigma=1.5) max 1s");
}

#[test]
fn the_max_of_percentiles_is_printed_if_they_do_not_end_at_ten_times_the_last() {
    let open = [(p(50.0), ms(10)), (p(99.0), ms(80))];
    let law = |max, limit| Percentiles::new(&open, max, limit);
    reads(law(None, DEFAULT_MOST), "percentiles(50=10ms, 99=80ms)");
    reads(law(None, ms(800)), "percentiles(50=10ms, 99=80ms)");
    reads(law(None, ms(799)), "percentiles(50=10ms, 99=80ms) max 799ms");
    reads(law(Some(SECOND), DEFAULT_MOST), "percentiles(50=10ms, 99=80ms) max 1s");
    let ended = [open[0], open[1], (p(100.0), ms(90))];
    let law = |max, limit| Percentiles::new(&ended, max, limit);
    reads(law(None, ms(100)), "percentiles(50=10ms, 99=80ms, 100=90ms)");
    assert_eq!(law(Some(SECOND), DEFAULT_MOST), law(None, ms(100)));
}

#[test]
fn the_file_of_a_replay_is_printed_as_a_string() {
    reads(Replay::new("a \"b\".csv", vec![(1, 1)]), r#"replay("a \"b\".csv")"#);
}
