//! Recording.

use proptest::prelude::*;

use super::*;
use crate::call::TransportFailure;
use crate::distribution::{Distribution, Quantile};
use crate::percentile::Percentile;

#[derive(Debug, Clone)]
enum Event {
    Ended(CallRecord),
    NotSent(Moment, NotSentReason),
    Unfinished(Moment),
}

fn moments() -> impl Strategy<Value = Moment> {
    (0_u64..10_000_000_000).prop_map(Moment::from_nanos)
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let nanos = || (0_u64..2_000_000_000).prop_map(Duration::from_nanos);
    let waits = (nanos(), nanos(), nanos(), any::<bool>()).prop_map(
        |(planned, queued, waited, is_faulty)| ServerWait { planned, queued, waited, is_faulty },
    );
    let call = (
        (proptest::option::of(moments()), moments(), moments()),
        (0_i32..17).prop_map(StatusCode::from),
        proptest::option::of(waits),
        any::<bool>(),
        proptest::option::of(proptest::sample::select(&TransportFailure::ALL[..])),
    )
        .prop_map(|((due, sent, done), code, waits, is_cut, broken)| {
            Event::Ended(CallRecord { number: 0, due, sent, done, code, waits, is_cut, broken })
        });
    let why = proptest::sample::select(&NotSentReason::ALL[..]);
    let event = prop_oneof![
        4 => call,
        1 => (moments(), why).prop_map(|(due, why)| Event::NotSent(due, why)),
        1 => moments().prop_map(Event::Unfinished),
    ];
    proptest::collection::vec(event, 0..60)
}

fn recorded(events: &[Event]) -> Recorder {
    let mut recorder = Recorder::new(Duration::from_secs(2), GoodStatuses::default());
    for event in events {
        match event {
            Event::Ended(call) => {
                recorder.sent(call.due, call.sent);
                recorder.ended(call, Some("failed"));
            }
            Event::NotSent(due, why) => recorder.not_sent(*due, *why, 1),
            Event::Unfinished(due) => {
                recorder.sent(Some(*due), *due);
                let is_recorded = *due >= Moment::from_nanos(2_000_000_000);
                recorder.figures().counts.unfinished += u64::from(is_recorded);
            }
        }
    }
    recorder
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However calls are divided among recorders, the merged figures are those of one that recorded them all.
    #[test]
    fn merged_is_recorded_in_one(first in events(), second in events()) {
        let mut merged = recorded(&first).figures().clone();
        merged.merge(recorded(&second).figures());
        prop_assert_eq!(merged, recorded(&[first, second].concat()).figures().clone());
    }

    /// No call is lost: each belongs to the warm-up or was due, and each that was due is in the response
    /// times.
    #[test]
    fn every_call_is_somewhere(events in events()) {
        let mut recorder = recorded(&events);
        let warm_up = recorder.warm_up();
        let counts = recorder.figures().counts;
        prop_assert_eq!(counts.due() + warm_up, events.len() as u64);
        prop_assert_eq!(counts.due(), counts.sent + counts.not_sent.total());
        prop_assert_eq!(counts.due(), counts.good + counts.without_answer());
        let closed = events.iter().filter(|event| {
            matches!(event, Event::Ended(call)
                if call.due.is_none() && call.sent >= Moment::from_nanos(2_000_000_000)
                    && call.code == StatusCode::OK)
        });
        let responses = recorder.figures().response_time().count();
        prop_assert_eq!(responses + closed.count() as u64, counts.due());
    }

    /// Exchanged figures are those since the last exchange: together they are all figures.
    #[test]
    fn exchanged_figures_add_up(first in events(), second in events()) {
        let mut recorder = recorded(&first);
        let mut sum = *recorder.exchange(Box::default());
        prop_assert_eq!(recorder.figures(), &mut Figures::default());
        let mut rest = recorded(&second);
        sum.merge(rest.figures());
        prop_assert_eq!(sum, recorded(&[first, second].concat()).figures().clone());
    }
}

fn millis(number: u64) -> Moment {
    Moment::from_nanos(number * 1_000_000)
}

fn only(distribution: &Distribution) -> u128 {
    match distribution.percentile(Percentile::P50) {
        Some(Quantile::At(value)) => value.as_millis(),
        other => panic!("one value, not {other:?}"),
    }
}

/// A stall of a second in 30 s at 1,000/s: with at most 100 in flight, most of its calls are never sent.
#[test]
fn a_stall_cannot_hide_behind_calls_that_were_not_sent() {
    let mut recorder = Recorder::default();
    for number in 0..30_000 {
        let due = millis(number);
        let done = match number {
            10_000..10_100 => millis(11_000),
            10_100..11_000 => {
                recorder.not_sent(due, NotSentReason::InFlightLimit, 1);
                continue;
            }
            _ => millis(number),
        };
        recorder.sent(Some(due), due);
        recorder.ended(
            &CallRecord { due: Some(due), ..CallRecord::new(due, done, StatusCode::OK) },
            None,
        );
    }
    let figures = recorder.figures();
    let p99 = figures.response_time().percentile(Percentile::P99).unwrap();
    assert!(matches!(p99, Quantile::Beyond(_)), "{p99:?}");
    let of_sent = figures.good_response_time.percentile(Percentile::P99).unwrap();
    assert_eq!(of_sent, Quantile::At(Duration::ZERO));
}

#[test]
fn a_failed_call_is_slower_than_any_value() {
    let mut recorder = Recorder::default();
    for number in 0..400 {
        let (due, code) = (millis(number), StatusCode::from(14));
        recorder.sent(Some(due), due);
        let call = CallRecord { due: Some(due), ..CallRecord::new(due, millis(number + 2), code) };
        recorder.ended(&call, Some("gone"));
    }
    let p99 = recorder.figures().response_time().percentile(Percentile::P99).unwrap();
    assert_eq!(p99, Quantile::Beyond(Duration::ZERO));
    assert_eq!(recorder.figures().service_time.count(), 0);
    assert_eq!(only(&recorder.figures().failed_service_time), 2);
    assert_eq!(recorder.texts().by_count(), [("gone", 400)]);
}

#[test]
fn an_expected_status_is_good() {
    let not_found = StatusCode::from(5);
    let mut recorder = Recorder::new(Duration::ZERO, GoodStatuses::of([not_found]));
    for code in [not_found, StatusCode::OK] {
        recorder.sent(Some(millis(0)), millis(0));
        let call =
            CallRecord { due: Some(millis(0)), ..CallRecord::new(millis(0), millis(3), code) };
        recorder.ended(&call, None);
    }
    let counts = recorder.figures().counts;
    assert_eq!((counts.good, counts.failed()), (1, 1));
}

#[test]
fn each_figure_is_the_difference_that_defines_it() {
    let mut recorder = Recorder::default();
    let waits = ServerWait {
        planned: Duration::from_millis(10),
        queued: Duration::from_millis(20),
        waited: Duration::from_millis(31),
        is_faulty: false,
    };
    recorder.sent(Some(millis(100)), millis(102));
    recorder.ended(
        &CallRecord {
            due: Some(millis(100)),
            waits: Some(waits),
            ..CallRecord::new(millis(102), millis(140), StatusCode::OK)
        },
        None,
    );
    let figures = recorder.figures();
    assert_eq!(only(&figures.service_time), 38);
    assert_eq!(only(&figures.response_time()), 40);
    assert_eq!(only(&figures.lag), 2);
    assert_eq!(only(&figures.added), 7);
    assert_eq!(only(&figures.lateness), 1);
    assert_eq!(only(&figures.planned), 10);
    assert_eq!(only(&figures.waited), 31);
    assert_eq!(only(&figures.queued), 20);
}

#[test]
fn a_call_with_a_planned_fault_has_no_added() {
    let mut recorder = Recorder::default();
    let ten = Duration::from_millis(10);
    let waits = ServerWait { planned: ten, queued: Duration::ZERO, waited: ten, is_faulty: true };
    recorder.sent(None, millis(0));
    let call = CallRecord {
        waits: Some(waits),
        ..CallRecord::new(millis(0), millis(12), StatusCode::from(14))
    };
    recorder.ended(&call, None);
    assert_eq!((recorder.figures().added.count(), recorder.figures().planned.count()), (0, 1));
}

#[test]
fn added_below_zero_is_counted() {
    let mut recorder = Recorder::default();
    let waits = ServerWait {
        planned: Duration::ZERO,
        queued: Duration::ZERO,
        waited: Duration::from_millis(5),
        is_faulty: false,
    };
    recorder.sent(None, millis(0));
    let call =
        CallRecord { waits: Some(waits), ..CallRecord::new(millis(0), millis(4), StatusCode::OK) };
    recorder.ended(&call, None);
    let added = &recorder.figures().added;
    assert_eq!((added.below_zero(), added.lowest_ns()), (1, -1_000_000));
}
