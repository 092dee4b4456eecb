//! Thresholds: their text, and when they pass.

mod wrong;

use longsync_text::duration;
use proptest::prelude::*;

use super::*;
use crate::distribution::Quantile;
use crate::not_sent::NotSentReason;
use crate::samples::good;

const SECOND: Duration = Duration::from_secs(1);

fn threshold(text: &str) -> Threshold {
    text.parse().unwrap()
}

/// Whether it passes in an open loop of one second.
fn passes(text: &str, figures: &Figures) -> bool {
    threshold(text).check(Loop::Open, figures, SECOND).has_passed
}

fn said(text: &str, kind: Loop, figures: &Figures) -> String {
    threshold(text).check(kind, figures, SECOND).to_string()
}

fn texts() -> impl Strategy<Value = String> {
    let figure = prop::sample::select(vec!["", "response.", "service.", "added.", "lag."]);
    let percentile =
        (1_u32..=1_000_000).prop_map(|parts| format!("p{}.{:04}", parts / 10_000, parts % 10_000));
    let statistic = prop_oneof![percentile, Just("mean".to_owned()), Just("max".to_owned())];
    let limit = (1_u64..31_536_000_000_000_000).prop_map(Duration::from_nanos);
    let time =
        (figure, statistic, "<=?", limit).prop_map(|(figure, statistic, operator, limit)| {
            format!("{figure}{statistic}{operator}{}", duration::text(limit))
        });
    let share =
        ("errors|not_sent", "<=?", 1_u32..100_000_000).prop_map(|(metric, operator, it)| {
            format!("{metric} {operator} {}.{:06}%", it / 1_000_000, it % 1_000_000)
        });
    let rate = (">=?", 1_u32..1_000_000, "/s|/min|/h")
        .prop_map(|(operator, rate, unit)| format!("rate{operator} {rate}{unit}"));
    prop_oneof![time, share, rate]
}

proptest! {
    /// A printed threshold is read back as the same threshold, and printed alike.
    #[test]
    fn print_then_read_is_the_same(text in texts()) {
        let first = threshold(&text);
        prop_assert_eq!(threshold(&first.to_string()), first);
        prop_assert_eq!(threshold(&first.to_string()).to_string(), first.to_string());
    }

    /// The threshold that an error suggests instead of a wrong direction can be read.
    #[test]
    fn suggestions_can_be_read(text in texts(), operator in "[<>]=?") {
        let turned = text.replace(['<', '>', '='], "?").replacen("??", "?", 1).replacen('?', &operator, 1);
        if let Err(why) = turned.parse::<Threshold>() {
            let why = why.to_string();
            let (_, advised) = why.rsplit_once("write ").unwrap();
            prop_assert!(advised.parse::<Threshold>().is_ok(), "{}", why);
        }
    }

    /// Any text at all is read or refused, and the sentence about it takes at most a few lines of a screen.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}|[a-z_.0-9]{0,8}[<>=]{0,3}[0-9.a-z%/]{0,8}") {
        if let Err(why) = text.parse::<Threshold>() {
            prop_assert!(why.to_string().len() < 1_000);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A time passes if and only if it is below the limit, so a higher limit passes whatever a lower one
    /// does.
    #[test]
    fn a_time_passes_below_its_limit(
        times in prop::collection::vec(1_i64..2_000, 1..100),
        limit in 1_i64..2_000,
    ) {
        let figures = good(times.clone(), 0);
        let longest = times.into_iter().max().unwrap_or_default();
        prop_assert_eq!(passes(&format!("max<{limit}ns"), &figures), longest < limit);
        prop_assert_eq!(passes(&format!("max<={limit}ns"), &figures), longest <= limit);
        prop_assert_eq!(passes(&format!("p100<{limit}ns"), &figures), longest < limit);
        let mean = threshold(&format!("mean<{limit}ns")).check(Loop::Open, &figures, SECOND);
        let Value::Time(Quantile::At(value)) = mean.value else { panic!("{mean}") };
        prop_assert_eq!(mean.has_passed, value.as_nanos() < limit.unsigned_abs().into());
    }

    /// Twice the same calls over twice the time give the same decisions.
    #[test]
    fn scaled_figures_are_decided_alike(
        text in texts(),
        times in prop::collection::vec(1_i64..1_000_000_000, 0..60),
        failed in 0_u64..5,
        not_sent in 0_u64..5,
    ) {
        let figures = good(times, 5).and_failed(failed).and_not_sent(NotSentReason::InFlightLimit, not_sent);
        let mut twice = figures.clone();
        twice.merge(&figures);
        let once = threshold(&text).check(Loop::Open, &figures, SECOND);
        let scaled = threshold(&text).check(Loop::Open, &twice, 2 * SECOND);
        prop_assert_eq!(once.has_passed, scaled.has_passed, "{} {}", once, scaled);
    }

    /// With one failed call less, nothing that passed fails.
    #[test]
    fn fewer_failures_fail_nothing(text in texts(), good_calls in 0_usize..40, failed in 0_u64..5) {
        let calls = || good((0..good_calls).map(|_| 1_000_000), 0);
        let (more, fewer) = (calls().and_failed(failed + 1), calls().and_failed(failed));
        let was_measured = |it: &Figures| {
            threshold(&text).check(Loop::Open, it, SECOND).value != Value::Unmeasured
        };
        prop_assert!(!passes(&text, &more) || passes(&text, &fewer) || !was_measured(&fewer));
    }
}

#[test]
fn thresholds_are_printed_short() {
    for (written, printed) in [
        ("p99<250ms", "p99<250ms"),
        (" p99 < 0.25s ", "p99<250ms"),
        ("p99.90 <= 1000ms", "p99.9<=1s"),
        ("response.p50<1m 30s", "response.p50<90s"),
        ("service.p99.9<1s", "service.p99.9<1s"),
        ("added.mean<2ms", "added.mean<2ms"),
        ("added.p1<0s", "added.p1<0s"),
        ("lag.max<1ms", "lag.max<1ms"),
        ("p99.9999<1h", "p99.9999<1h"),
        ("mean<=0", "mean<=0s"),
        ("errors<0.10 %", "errors<0.1%"),
        ("errors<=0%", "errors<=0%"),
        ("errors<100%", "errors<100%"),
        ("not_sent<1%", "not_sent<1%"),
        ("rate>990/s", "rate>990/s"),
        ("rate >= 0.5", "rate>=0.5/s"),
        ("rate>1k/s", "rate>1000/s"),
        ("rate>0/s", "rate>0/s"),
    ] {
        assert_eq!(threshold(written).to_string(), printed, "{written}");
    }
}

#[test]
fn values_beyond_fail_every_limit() {
    let figures = good([100; 98], 0).and_failed(1).and_not_sent(NotSentReason::NoConnection, 1);
    for (text, passed) in [
        ("p98<1us", true),
        ("p98.0001<365d", false),
        ("p99<365d", false),
        ("max<=365d", false),
        ("mean<=365d", false),
        ("service.p99<1us", true),
        ("service.max<=100ns", true),
        ("service.mean<=100ns", true),
        ("service.mean<100ns", false),
    ] {
        assert_eq!(passes(text, &figures), passed, "{text}");
    }
    let said = said("p99<1s", Loop::Open, &figures);
    assert_eq!(said, "p99<1s failed: > 100ns (fewer than 10 values are above it)");
}

#[test]
fn a_service_that_fails_every_call_passes_no_response_time() {
    let figures = good([], 0).and_failed(1_000);
    for text in ["p0.0001<=365d", "p50<=365d", "mean<=365d", "max<=365d", "errors<100%", "rate>0/s"]
    {
        assert!(!passes(text, &figures), "{text}");
    }
}

#[test]
fn metrics_without_a_value_have_not_passed() {
    for text in ["p99<1s", "mean<1s", "max<1s", "added.p50<1s", "errors<=1%", "not_sent<=1%"] {
        let said = said(text, Loop::Open, &Figures::default());
        assert_eq!(said, format!("{text} failed: nothing was measured"));
    }
    let over_no_time = threshold("rate>0/s").check(Loop::Open, &good([1], 0), Duration::ZERO);
    assert_eq!((over_no_time.has_passed, over_no_time.value), (false, Value::Unmeasured));
}

#[test]
fn counts_are_compared_exactly() {
    let figures = good([1; 999], 0).and_failed(1).and_not_sent(NotSentReason::Late, 10);
    for (text, passed) in [
        ("errors<0.1%", false),
        ("errors<=0.1%", true),
        ("errors<0.100001%", true),
        ("errors<=0%", false),
        ("not_sent<1%", true),
        ("not_sent<0.990099%", false),
        ("not_sent<0.9901%", true),
        ("rate>998/s", true),
        ("rate>999/s", false),
        ("rate>=999/s", true),
        ("rate>=999.000001/s", false),
        ("rate>59939.999999/min", true),
    ] {
        assert_eq!(passes(text, &figures), passed, "{text}");
    }
}

#[test]
fn a_limit_is_compared_with_the_value_that_is_shown() {
    let figures = good([100, 200, 300, 2_001], 0);
    for (text, expected) in [
        ("p50<201ns", "p50<201ns passed: 200ns (fewer than 10 values are above it)"),
        ("max<2us", "max<2us failed: 2.001us"),
        ("lag.max<1ms", "lag.max<1ms passed: 0s"),
        ("service.mean<=650ns", "service.mean<=650ns passed: 650ns"),
        ("errors<0.1%", "errors<0.1% passed: 0 % (0 of 4)"),
        ("rate>3/s", "rate>3/s passed: 4/s"),
        ("rate>4/s", "rate>4/s failed: 4/s"),
    ] {
        assert_eq!(said(text, Loop::Open, &figures), expected);
    }
    // Rounded, it would be 1s, and appear to have passed or failed without a reason.
    let mut long = Figures::default();
    long.service_time.record(1_000_000_001);
    let longest = duration::text(long.service_time.longest().unwrap());
    assert_eq!(
        said("service.max<=1s", Loop::Open, &long),
        format!("service.max<=1s failed: {longest}")
    );
    let third = threshold("rate>0.3/s").check(Loop::Open, &good([1], 0), 3 * SECOND);
    assert_eq!(third.to_string(), "rate>0.3/s passed: 0.333/s");
}

#[test]
fn a_percentile_with_fewer_than_ten_values_above_it_is_marked() {
    let marked = |text: &str, count: usize| {
        threshold(text).check(Loop::Open, &good(vec![1; count], 0), SECOND).is_marked
    };
    assert!(!marked("p99<1s", 1_000) && marked("p99<1s", 999));
    assert!(!marked("p50<1s", 20) && marked("p50<1s", 19));
    assert!(!marked("max<1s", 5) && !marked("mean<1s", 5) && !marked("p50<1s", 0));
}

#[test]
fn in_a_closed_loop_nothing_is_due() {
    let figures = good([100; 1_000], 0);
    assert_eq!(said("p99<1us", Loop::Closed, &figures), "p99<1us passed: 100ns");
    for (text, expected) in [
        (
            "lag.p99<1ms",
            "`lag.p99<1ms` cannot be decided: a closed loop has no lag, because none of its calls is due at a \
             given time: give a rate",
        ),
        (
            "response.max < 1s",
            "`response.max<1s` cannot be decided: a closed loop has no response time, because none of its calls \
             is due at a given time: write service. instead of response., or give a rate",
        ),
        (
            "not_sent<1%",
            "`not_sent<1%` cannot be decided: a closed loop sends every call that it has, because none is due at \
             a given time: give a rate",
        ),
    ] {
        let refused = threshold(text).measured_in(Loop::Closed).unwrap_err();
        assert_eq!(refused.to_string(), expected);
        assert_eq!(threshold(text).measured_in(Loop::Open), Ok(()));
        let checked = threshold(text).check(Loop::Closed, &figures, SECOND);
        assert_eq!((checked.has_passed, checked.value), (false, Value::Unmeasured));
    }
    for text in ["p99<1s", "service.p99<1s", "added.max<1s", "errors<1%", "rate>1/s"] {
        assert_eq!(threshold(text).measured_in(Loop::Closed), Ok(()), "{text}");
    }
}

/// An added time can be below zero: then it is below every limit.
#[test]
fn values_below_zero_are_below_every_limit() {
    let mut figures = good([100; 3], 0);
    figures.added.record(-5);
    assert_eq!(said("added.max<0s", Loop::Open, &figures), "added.max<0s passed: below zero");
    assert!(passes("added.p50<1ns", &figures) && passes("added.mean<=0s", &figures));
}
