//! What is expected of a queue.

use std::time::Duration;

use longsync_behavior::Behavior;
use longsync_behavior::queue::theory::FigureSource::{self, Formula, Simulation};
use longsync_behavior::queue::theory::QueueForecast;

/// Enough for a few percent at moderate utilization.
const CALLS: u64 = 150_000;

fn forecast(text: &str, rate: &str) -> QueueForecast {
    let behavior: Behavior = text.parse().expect("a behavior");
    let rate = rate.parse().expect("a rate");
    QueueForecast::of_calls(&behavior, rate, CALLS).expect("a queue and calls")
}

fn sources(forecast: &QueueForecast) -> [FigureSource; 4] {
    let QueueForecast { shed, waits, mean_queued, p99_response, .. } = forecast;
    [shed.source, waits.source, mean_queued.source, p99_response.source]
}

fn assert_near(found: Duration, millis: f64, tolerance: f64) {
    let found = found.as_secs_f64() * 1e3;
    assert!((found / millis - 1.0).abs() <= tolerance, "{found} ms, {millis} ms expected");
}

/// M/M/1 at 80 %: the response is exponential with a mean of 50 ms.
#[test]
fn an_exponential_service_needs_no_simulation() {
    let one = forecast("exponential(10ms); queue(workers=1, limit=10000)", "80/s");
    assert_eq!(sources(&one), [Formula; 4]);
    assert!((one.load - 0.8).abs() < 1e-9 && (one.waits.value - 0.8).abs() < 1e-9);
    assert_near(one.mean_queued.value, 40.0, 1e-6);
    assert_near(one.p50_response.value, 34.657_359, 1e-6);
    assert_near(one.p99_response.value, 230.258_509, 1e-6);
    // Tables of M/M/2 at 80 %: 1.7778 services.
    let two = forecast("exponential(10ms); queue(workers=2, limit=10000)", "160/s");
    assert_near(two.mean_queued.value, 17.777_778, 1e-6);
}

/// M/M/1/2 with a load of 1: its states 0, 1 and 2 are equally likely.
#[test]
fn a_bounded_line_with_exponential_service_has_simulated_percentiles_alone() {
    let bounded = forecast("exponential(10ms); queue(workers=1, limit=1)", "100/s");
    assert_eq!(sources(&bounded), [Formula, Formula, Formula, Simulation]);
    assert!((bounded.shed.value - 1.0 / 3.0).abs() < 1e-9, "{bounded:?}");
    assert!((bounded.utilization.value - 2.0 / 3.0).abs() < 1e-9, "{bounded:?}");
    // Half of the calls that are taken find one in service, and stand for what is left of it: 10 ms.
    assert!((bounded.waits.value - 0.5).abs() < 1e-9, "{bounded:?}");
    assert_near(bounded.mean_queued.value, 5.0, 1e-6);
}

#[test]
fn a_loss_system_has_formulas_whatever_its_service() {
    let loss = forecast("10ms; queue(workers=10, limit=0)", "800/s");
    assert_eq!(sources(&loss), [Formula; 4]);
    assert!((loss.shed.value - 0.121_661).abs() < 1e-6, "{loss:?}");
    assert_eq!(loss.p99_response.value, Duration::from_millis(10));
}

/// Pollaczek and Khinchine: a constant service has half the mean of an exponential one; a uniform one from 0 to
/// twice the mean has two thirds.
#[test]
fn one_worker_with_any_service_has_a_formula_for_the_mean() {
    for (delay, millis) in [
        ("10ms", 20.0),
        ("uniform(0s, 20ms)", 40.0 * 2.0 / 3.0),
        ("mix(50%: 5ms, rest: 15ms)", 25.0),
        ("exponential(10ms) max 30s", 40.0),
    ] {
        let one = forecast(&format!("{delay}; queue(workers=1, limit=10000)"), "80/s");
        assert_eq!(sources(&one)[..3], [Formula; 3], "{delay}");
        assert_near(one.mean_queued.value, millis, 1e-6);
    }
    // A line of five is not enough for it.
    let short = forecast("10ms; queue(workers=1, limit=5)", "80/s");
    assert_eq!(sources(&short), [Simulation; 4]);
}

/// Where there is a formula, a simulation that does not use it finds the same.
#[test]
fn simulated_figures_are_near_those_of_formulas() {
    // Hardly truncated, but enough for it to count as a different law.
    let (nearly, exactly) = ("exponential(10ms) max 150ms", "exponential(10ms)");
    for queue in ["queue(workers=4, limit=10)", "queue(workers=2, limit=4, order=lifo)"] {
        for rate in ["150/s", "600/s"] {
            let [nearly, exactly] =
                [nearly, exactly].map(|delay| forecast(&format!("{delay}; {queue}"), rate));
            assert_eq!((nearly.shed.source, exactly.shed.source), (Simulation, Formula));
            let near = |one: f64, other: f64| (one - other).abs() <= 0.01 + 0.03 * other;
            assert!(near(nearly.shed.value, exactly.shed.value), "{nearly:?} {exactly:?}");
            assert!(near(nearly.waits.value, exactly.waits.value), "{nearly:?} {exactly:?}");
            let exact = exactly.mean_queued.value.as_secs_f64() * 1e3;
            assert_near(nearly.mean_queued.value, exact, 0.08);
        }
    }
}

/// Hardly one of 300,000 calls is taken. It then stands behind ten others, and two begin every 5 minutes.
#[test]
fn far_above_capacity_the_calls_that_are_taken_are_still_enough_to_measure() {
    let far = forecast("5m; queue(workers=2, limit=10)", "10000/s");
    assert!((far.shed.value - (1.0 - 2.0 / 300.0 / 10_000.0)).abs() < 1e-9, "{far:?}");
    assert!(far.waits.value > 0.9999, "{far:?}");
    assert_near(far.mean_queued.value, 25.0 * 60e3, 1e-3);
    assert_near(far.p50_response.value, 30.0 * 60e3, 1e-3);
    assert_near(far.p99_response.value, 30.0 * 60e3, 1e-3);
    for (text, rate, minutes) in [
        ("1h; queue(workers=8, limit=100)", "800/s", 750.0),
        ("5ms; queue(workers=8, limit=100)", "1000M/s", 0.0625 / 60.0),
        ("10m; queue(workers=4, limit=100)", "1000/s", 250.0),
        ("exponential(5m); queue(workers=2, limit=10)", "10000/s", 25.0),
        ("uniform(4m, 6m); queue(workers=2, limit=10)", "10000/s", 25.0),
    ] {
        let far = forecast(text, rate);
        assert!(far.shed.value < 1.0 && far.waits.value > 0.9999, "{far:?}");
        assert_near(far.mean_queued.value, minutes * 60e3, 0.01);
        assert!(far.p50_response.value > far.mean_queued.value, "{far:?}");
    }
}

/// Above capacity, so that refused calls are passed over, and far enough below for it to matter how many.
#[test]
fn calls_that_are_passed_over_are_counted_as_refused() {
    for (queue, rate) in [("workers=1, limit=1", "120/s"), ("workers=3, limit=2", "900/s")] {
        let [nearly, exactly] = ["exponential(10ms) max 150ms", "exponential(10ms)"]
            .map(|delay| forecast(&format!("{delay}; queue({queue})"), rate));
        assert_eq!((nearly.shed.source, exactly.shed.source), (Simulation, Formula));
        let near = |one: f64, other: f64| (one / other - 1.0).abs() <= 0.015;
        assert!(near(nearly.shed.value, exactly.shed.value), "{nearly:?} {exactly:?}");
        assert!(near(nearly.waits.value, exactly.waits.value), "{nearly:?} {exactly:?}");
        assert!(near(nearly.utilization.value, exactly.utilization.value));
    }
}

/// The middle of the bucket of 5 ms is 4.997 ms.
#[test]
fn no_response_is_shorter_than_a_constant_delay() {
    let five = forecast("5ms; queue(workers=8, limit=100)", "10/s");
    assert_eq!(five.p50_response.value, Duration::from_millis(5));
    let ten = forecast("attempts(10ms, 1ms); queue(workers=8, limit=100)", "10/s");
    assert_eq!(ten.p99_response.value, Duration::from_millis(10));
}

/// One delay of a million takes an hour, which is 3.6 of the mean of 4.6 ms: the simulation draws none of them.
/// Of the Pareto delays it draws one more of the longest than is usual.
#[test]
fn a_mean_that_the_simulation_did_not_draw_is_said() {
    for (delay, side) in [("mix(0.0001%: 1h, rest: 1ms)", "low"), ("pareto(1ms, 1.1)", "high")] {
        let rare = forecast(&format!("{delay}; queue(workers=2, limit=1000000)"), "100/s");
        assert_eq!((rare.utilization.source, rare.shed.value), (Formula, 0.0));
        assert!((rare.utilization.value - rare.load / 2.0).abs() < 1e-9, "{rare:?}");
        let said = format!(" of it, so that its figures are too {side}\n");
        assert!(rare.to_string().ends_with(&said), "{rare} {rare:?}");
    }
    let common = forecast("uniform(5ms, 15ms); queue(workers=2, limit=100)", "100/s");
    assert!((common.drawn - 1.0).abs() < 0.01, "{common:?}");
    assert!(!common.to_string().contains("rare"), "{common}");
}

/// The line is full from the first recorded call on: 1,000 calls ahead, and 10 ms for each pair of them.
#[test]
fn an_overloaded_queue_is_always_full() {
    let full = forecast("10ms; queue(workers=2, limit=1000)", "400/s");
    assert!((full.shed.value - 0.5).abs() < 0.01, "{full:?}");
    assert_near(full.mean_queued.value, 5_000.0, 0.02);
    assert_near(full.p50_response.value, 5_010.0, 0.02);
}

#[test]
fn rare_calls_do_not_overflow_the_simulations_clock() {
    let rare = forecast("10ms; queue(workers=2, limit=10)", "0.01/h");
    assert_eq!(rare.mean_queued.value, Duration::ZERO);
    assert_near(rare.p99_response.value, 10.0, 0.005);
}

#[test]
fn there_is_no_forecast_without_a_queue_or_without_calls() {
    let of = |text: &str, rate: &str| {
        QueueForecast::of_calls(&text.parse().unwrap(), rate.parse().unwrap(), CALLS)
    };
    assert_eq!(of("10ms", "80/s"), None);
    assert_eq!(of("10ms; queue(workers=1, limit=1)", "0/s"), None);
}

#[test]
fn figures_are_printed_with_their_sources() {
    let text = forecast("exponential(10ms); queue(workers=1, limit=10000)", "80/s").to_string();
    assert!(text.starts_with("  utilization   80 %        formula\n"), "{text}");
    assert!(text.contains("  mean queued   40ms        formula\n"), "{text}");
}

/// Few of the calls are taken, and they need not have drawn the mean delay.
#[test]
fn workers_that_always_have_calls_are_always_busy_and_never_more_than_that() {
    for (delay, rate) in [
        ("pareto(1ms, 0.3) max 1h; queue(workers=4, limit=100)", "50/s"),
        ("mix(50%: 0s, rest: 1h); queue(workers=1, limit=10)", "50/s"),
        ("10ms; queue(workers=8, limit=100)", "1000M/s"),
    ] {
        let full = forecast(delay, rate);
        assert_eq!(full.utilization.source, Simulation, "{delay}");
        let utilization = full.utilization.value;
        assert!((0.99..=1.0).contains(&utilization), "{delay}: {utilization}");
    }
    // What is not refused is worked on.
    let most = forecast("uniform(5ms, 15ms); queue(workers=2, limit=2)", "150/s");
    let expected = most.load * (1.0 - most.shed.value) / 2.0;
    assert!(most.shed.value > 0.01, "{most:?}");
    assert!((most.utilization.value - expected).abs() < 0.005, "{most:?}");
}

/// A thousandth below capacity, a queue without a limit to speak of needs a thousand million arrivals; and of
/// 150,000 calls, 100,000 workers have one or two each.
#[test]
fn a_queue_that_grows_for_longer_than_its_simulation_says_so() {
    for (text, rate, is_settled) in [
        ("10ms; queue(workers=8, limit=100000)", "500/s", true),
        ("10ms; queue(workers=8, limit=100000)", "799.9/s", false),
        ("10ms; queue(workers=8, limit=10)", "799.9/s", true),
        ("5ms; queue(workers=1000, limit=10)", "1M/s", true),
        ("5ms; queue(workers=100000, limit=10)", "100M/s", false),
    ] {
        let forecast = forecast(text, rate);
        assert_eq!(forecast.is_settled, is_settled, "{text} at {rate}");
        assert_eq!(forecast.to_string().contains("longer to settle"), !is_settled);
    }
}
