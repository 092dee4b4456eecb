//! The sentences about calls that were held back.

use proptest::prelude::*;

use super::*;
use crate::samples::good;

const LIMITS: InFlightLimits =
    InFlightLimits { max_in_flight: 100, connections: 1, streams_per_connection: None };

fn said(figures: &Figures, limits: InFlightLimits) -> Vec<String> {
    let busiest = BusiestPeriod { due: figures.counts.due(), time: Duration::from_secs(30) };
    let held_back = HeldBack::all(figures, Some(busiest), limits);
    held_back.iter().map(ToString::to_string).collect()
}

/// Thirty seconds at 1,000/s, in which a stall of a second held most of its calls back.
fn stalled(why: NotSentReason) -> Figures {
    let mut figures = good([2_047; 1], 0);
    figures.service_time.record(1_000_000_000);
    figures.counts.good = 29_100;
    figures.counts.statuses[0] = 29_100;
    figures.and_not_sent(why, 900)
}

proptest! {
    /// The calls in flight are those due within the longest one, and one more; the same rate over twice the
    /// time gives the same number.
    #[test]
    fn in_flight_is_rate_times_longest(due in 1_u64..1_000_000, seconds in 1_u64..1_000, nanos in 1_i64..2_000) {
        let figures = good([nanos], 0).and_not_sent(NotSentReason::InFlightLimit, due - 1);
        let busiest = |due, seconds| BusiestPeriod { due, time: Duration::from_secs(seconds) };
        let needed = NeededInFlight::of(&figures, busiest(due, seconds)).unwrap();
        let exact = u128::from(due) * needed.longest.as_nanos() / (u128::from(seconds) * 1_000_000_000);
        prop_assert_eq!(u128::from(needed.calls), exact + 1);
        prop_assert_eq!(NeededInFlight::of(&figures, busiest(2 * due, 2 * seconds)), Some(needed));
    }
}

#[test]
fn sentences_about_calls_held_back_say_what_would_help() {
    let all =
        InFlightLimits { max_in_flight: 10_000, connections: 2, streams_per_connection: Some(100) };
    let [hint] = &said(&stalled(NotSentReason::InFlightLimit), LIMITS)[..] else { panic!() };
    assert!(
        hint.starts_with(
            "3 % (900 of 30,000) of the calls due were not sent because the limit of 100 calls in flight was reached: \
             while calls take 1"
        ),
        "{hint}"
    );
    assert!(
        hint.ends_with(
            "s, as the longest did, 1,001 are in flight at the highest rate of this run; give --max-in-flight 1001 or more."
        ),
        "{hint}"
    );
    for (figures, limits, expected) in [
        (
            stalled(NotSentReason::InFlightLimit),
            all,
            "the limit of 10,000 calls in flight was reached; give a higher --max-in-flight.",
        ),
        (
            stalled(NotSentReason::StreamLimit),
            all,
            "the server allows no more streams on 2 connections; give --connections 11 or more, or --connections auto.",
        ),
        (
            stalled(NotSentReason::StreamLimit),
            LIMITS,
            "the server allows no more streams on 1 connection; give more --connections, or --connections auto.",
        ),
        (
            stalled(NotSentReason::NoConnection),
            LIMITS,
            "no connection was open (connections lost: 0, attempts that failed: 0): look at the server and at what is in front of it.",
        ),
        (
            stalled(NotSentReason::Blocked),
            LIMITS,
            "connections took no bytes until sending was over: the server, or what is in front of it, does not read fast \
             enough.",
        ),
    ] {
        let expected =
            format!("3 % (900 of 30,000) of the calls due were not sent because {expected}");
        assert_eq!(said(&figures, limits), [expected]);
    }
}

#[test]
fn late_calls_are_left_to_the_verdict() {
    assert_eq!(said(&stalled(NotSentReason::Late), LIMITS), Vec::<String>::new());
    assert_eq!(said(&good([1], 0), LIMITS), Vec::<String>::new());
}

/// A server that never answers ends no call, so how many would be in flight is unknown.
#[test]
fn without_a_call_that_ended_no_number_is_given() {
    let figures = Figures::default()
        .and_not_sent(NotSentReason::InFlightLimit, 5)
        .and_not_sent(NotSentReason::StreamLimit, 3);
    let one = InFlightLimits { max_in_flight: 1, connections: 1, streams_per_connection: Some(1) };
    assert_eq!(
        said(&figures, one),
        [
            "62.5 % (5 of 8) of the calls due were not sent because the limit of 1 call in flight was reached; give a \
             higher --max-in-flight.",
            "37.5 % (3 of 8) of the calls due were not sent because the server allows no more streams on 1 connection; \
             give more --connections, or --connections auto.",
        ]
    );
    let no_time = BusiestPeriod { due: 1, time: Duration::ZERO };
    assert_eq!(NeededInFlight::of(&good([1], 0), no_time), None);
}

#[test]
fn a_ramp_needs_what_its_busiest_interval_needs() {
    let interval = |second: u64, millis, due| {
        let (start, length) = (Duration::from_secs(second), Duration::from_millis(millis));
        Interval::new(start, length, due, 0, &Figures::default())
    };
    // Ten calls were due in its last millisecond.
    let ramp = [interval(0, 1_000, 100), interval(1, 1_000, 900), interval(2, 1, 10)];
    let busiest = BusiestPeriod { due: 900, time: Duration::from_secs(1) };
    assert_eq!(BusiestPeriod::of(&ramp), Some(busiest));
    assert_eq!(
        BusiestPeriod::of(&ramp[2..]),
        Some(BusiestPeriod { due: 10, time: Duration::from_millis(1) })
    );
    assert_eq!(BusiestPeriod::of(&[]), None);
}
