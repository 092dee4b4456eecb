//! Stop rules: their text, and when they end a run.

use std::time::Duration;

use longsync_text::duration;
use proptest::prelude::*;

use super::*;
use crate::distribution::Quantile;
use crate::figures::Figures;
use crate::metric::Value;
use crate::moment::Moment;
use crate::not_sent::NotSentReason;
use crate::samples::good;

fn watch(rules: &[&str], kind: Loop) -> StopRuleWatch {
    StopRuleWatch::new(rules.iter().map(|it| it.parse().unwrap()).collect(), kind)
}

fn second(number: u64) -> Moment {
    Moment::START + Duration::from_secs(number)
}

/// The first second that ends a run of these seconds, and by which rule.
fn stopped(rules: &[&str], kind: Loop, seconds: &[Figures]) -> Option<(usize, String)> {
    let mut watch = watch(rules, kind);
    seconds.iter().enumerate().find_map(|(index, figures)| {
        let stopped = watch.second(figures, second(index as u64 + 1))?;
        assert_eq!(stopped.at, second(index as u64 + 1));
        Some((index, stopped.to_string()))
    })
}

fn calls(count: usize, nanos: i64) -> Figures {
    good(vec![nanos; count], 0)
}

proptest! {
    /// A printed rule is read back as the same rule.
    #[test]
    fn print_then_read_is_the_same(
        metric in "(response\\.|service\\.|added\\.|lag\\.)?(p[1-9][0-9]?(\\.[0-9]{1,4})?|mean|max)",
        operator in ">=?",
        nanos in 1_u64..31_536_000_000_000_000,
    ) {
        let limit = duration::text(Duration::from_nanos(nanos));
        let rule: StopRule = format!("{metric} {operator} {limit}").parse().unwrap();
        prop_assert_eq!(rule.to_string().parse::<StopRule>(), Ok(rule));
    }

    /// Any text at all is read or refused.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}|[a-z_.0-9]{0,8}[<>=]{0,3}[0-9.a-z%/]{0,8}") {
        let _ = text.parse::<StopRule>();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// At each second, a watch finds what the ten seconds up to it give when merged.
    #[test]
    fn a_watch_sees_the_last_ten_seconds(
        seconds in prop::collection::vec((0_usize..300, 1_i64..2_000, 0_u64..20), 1..15),
    ) {
        let of = |&(count, nanos, failed): &(usize, i64, u64)| calls(count, nanos).and_failed(failed);
        let seconds: Vec<_> = seconds.iter().map(of).collect();
        let (p90, errors) = ("p90>1us", "errors>2%");
        let (mut times, mut shares) = (watch(&[p90], Loop::Open), watch(&[errors], Loop::Open));
        for (index, figures) in seconds.iter().enumerate() {
            let mut last = Figures::default();
            for figures in &seconds[index.saturating_sub(9)..=index] {
                last.counts += figures.counts;
                last.good_response_time.merge(&figures.good_response_time);
            }
            let is_over = |limit: &str| {
                let threshold = limit.replace('>', "<=").parse::<crate::Threshold>().unwrap();
                !threshold.check(Loop::Open, &last, Duration::from_secs(10)).has_passed
            };
            let due = last.response_time().count();
            let stopped = times.second(figures, second(1)).is_some();
            prop_assert_eq!(stopped, due >= 1_000 && is_over(p90));
            let stopped = shares.second(figures, second(1)).is_some();
            prop_assert_eq!(stopped, last.counts.ended() >= 100 && is_over(errors));
        }
    }
}

#[test]
fn stop_rules_are_printed_short() {
    for (written, printed) in [
        ("p99>250ms", "p99>250ms"),
        (" p99.90 > 0.25s ", "p99.9>250ms"),
        ("errors>5%", "errors>5%"),
        ("errors>0%", "errors>0%"),
        ("errors >= 100 %", "errors>=100%"),
        ("not_sent>1%", "not_sent>1%"),
        ("service.max>=1m", "service.max>=1m"),
        ("lag.p50>1ms", "lag.p50>1ms"),
    ] {
        assert_eq!(written.parse::<StopRule>().unwrap().to_string(), printed);
    }
}

#[test]
fn wrong_stop_rules_are_refused_with_what_would_be_right() {
    for (text, expected) in [
        ("", "an empty text is not a stop rule: write one such as p99>250ms or errors>5%"),
        (
            "p99",
            "`p99` is not a stop rule: it has no comparison: write a metric, then <, <=, > or >=, and a limit",
        ),
        (
            "p99<250ms",
            "`p99<250ms` is not a stop rule: a stop rule says what ends a run: write p99>250ms",
        ),
        (
            "errors<=100%",
            "`errors<=100%` is not a stop rule: a stop rule says what ends a run: write errors>=100%",
        ),
        (
            "rate<900/s",
            "`rate<900/s` is not a stop rule: a rate does not end a run: write a share or a time, such as \
             errors>5%",
        ),
        ("errors>100%", "`errors>100%` is not a stop rule: it can never hold: write errors>=100%"),
        ("errors>=0%", "`errors>=0%` is not a stop rule: it always holds: write errors>0%"),
        ("p99>=0s", "`p99>=0s` is not a stop rule: it always holds: write a limit above 0s"),
        (
            "p99>5",
            "`p99>5` is not a stop rule: `5` is not a duration: write a number and a unit, such as 250ms, 1.5s \
             or 2m",
        ),
    ] {
        assert_eq!(text.parse::<StopRule>().unwrap_err().to_string(), expected);
    }
    let refused = "lag.p99>1ms".parse::<StopRule>().unwrap().measured_in(Loop::Closed).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`lag.p99>1ms` cannot be decided: a closed loop has no lag, because none of its calls is due at a given \
         time: give a rate"
    );
}

#[test]
fn fewer_than_a_thousand_calls_end_nothing() {
    let seconds: Vec<_> = (0..30).map(|_| calls(99, 2_000)).collect();
    assert_eq!(stopped(&["p99>1us"], Loop::Open, &seconds), None);
    let seconds: Vec<_> = (0..30).map(|_| calls(100, 2_000)).collect();
    let said = "p99>1us ended the run: 2us over the last 10 s".to_owned();
    assert_eq!(stopped(&["p99>1us"], Loop::Closed, &seconds), Some((9, said)));
}

#[test]
fn failed_calls_are_over_every_limit_of_response_time() {
    let seconds = [calls(990, 100), calls(0, 0).and_failed(11)];
    let said = |text: &str| format!("{text} ended the run: > 100ns over the last 10 s");
    assert_eq!(stopped(&["p99>1h"], Loop::Open, &seconds), Some((1, said("p99>1h"))));
    assert_eq!(stopped(&["service.p99>1us", "p99>1s"], Loop::Closed, &seconds), None);
    let held_back =
        [calls(990, 100), Figures::default().and_not_sent(NotSentReason::InFlightLimit, 11)];
    assert_eq!(stopped(&["p99>1s"], Loop::Open, &held_back), Some((1, said("p99>1s"))));
}

#[test]
fn shares_need_a_hundred_calls() {
    let seconds = [calls(89, 1).and_failed(10), calls(1, 1)];
    let said = "errors>5% ended the run: 10 % (10 of 100) over the last 10 s".to_owned();
    assert_eq!(stopped(&["errors>5%"], Loop::Open, &seconds), Some((1, said)));
    let seconds = [Figures::default().and_not_sent(NotSentReason::NoConnection, 99), calls(1, 1)];
    let said = "not_sent>98% ended the run: 99 % (99 of 100) over the last 10 s".to_owned();
    assert_eq!(stopped(&["errors>0%", "not_sent>98%"], Loop::Open, &seconds), Some((1, said)));
    assert_eq!(stopped(&["not_sent>98%"], Loop::Closed, &seconds), None);
}

#[test]
fn a_second_is_forgotten_after_ten() {
    let mut watch = watch(&["max>1us", "errors>1%"], Loop::Open);
    let slow = calls(1, 2_000);
    assert_eq!(watch.second(&slow, second(1)), None);
    for number in 2..=10 {
        assert_eq!(watch.second(&calls(1, 1), second(number)), None);
    }
    // Enough calls, and the slow one is no longer among them.
    assert_eq!(watch.second(&calls(2_000, 1), second(11)), None);
    let stopped = watch.second(&slow, second(12)).unwrap();
    assert_eq!(stopped.rule.to_string(), "max>1us");
    assert!(matches!(stopped.value, Value::Time(Quantile::At(time)) if time.as_nanos() >= 2_000));
}

#[test]
fn the_first_rule_that_holds_is_named() {
    let seconds = [calls(1_000, 2_000)];
    let rules = ["p99>1s", "p50>1us", "p10>1us"];
    let said = "p50>1us ended the run: 2us over the last 10 s".to_owned();
    assert_eq!(stopped(&rules, Loop::Open, &seconds), Some((0, said)));
    assert_eq!(stopped(&[], Loop::Open, &seconds), None);
}
