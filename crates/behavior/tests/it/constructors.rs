//! Behaviors that programs make, and invalid ones, which they cannot make.

use std::time::Duration;

use longsync_behavior::{
    Abandoned, Behavior, CallName, DrawKey, Percent, Pushback, Queue, QueueOrder, Rules,
};

const NO_TIME: Duration = Duration::ZERO;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn p(percent: &str) -> Percent {
    Percent::from_number(percent).expect("a percentage")
}

#[test]
fn numbers_that_are_not_above_zero_are_refused() {
    for shape in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -0.0, 0.0, -f64::MIN_POSITIVE] {
        assert!(Behavior::pareto(ms(1), shape).is_err(), "{shape}");
    }
    assert!(Behavior::pareto(ms(1), f64::MAX).is_ok());
}

#[test]
fn durations_that_do_not_make_a_law_are_refused() {
    let (year, endless) = (Duration::from_secs(366 * 24 * 3_600), Duration::MAX);
    for wrong in [NO_TIME, year, endless] {
        assert!(Behavior::normal(wrong, ms(1)).is_err());
        assert!(Behavior::normal(ms(1), wrong).is_err());
        assert!(Behavior::exponential(wrong).is_err());
        assert!(Behavior::pareto(wrong, 1.0).is_err());
        assert!(Behavior::uniform(ms(1), wrong).is_err());
        assert!(Behavior::lognormal([(p("50"), wrong), (p("99"), ms(1))]).is_err());
        assert!(Behavior::percentiles(&[(p("50"), wrong), (p("99"), wrong)]).is_err());
        let constant = Behavior::constant(wrong);
        assert_eq!(constant.within(ms(1)).is_ok(), wrong.is_zero());
    }
}

#[test]
fn lists_that_do_not_make_a_law_are_refused() {
    let part = Behavior::constant(ms(1));
    assert!(Behavior::percentiles(&[]).is_err());
    assert!(Behavior::attempts(&[]).is_err());
    assert!(Behavior::attempts(&vec![part.clone(); 65]).is_err());
    assert!(Behavior::mix(&[]).is_err());
    assert!(Behavior::mix(&[(p("99.999999"), part.clone())]).is_err());
    assert!(Behavior::mix(&[(p("100"), part.clone()), (p("0.000001"), part)]).is_err());
    assert!(Behavior::replay("none.csv", &[]).is_err());
    assert!(Behavior::replay("long.csv", &[(u64::MAX, 1)]).is_err());
}

#[test]
fn queues_without_workers_and_queues_that_are_too_large_are_refused() {
    for (workers, limit) in [(0, 5), (1_000_001, 5), (5, 1_000_001), (u32::MAX, u32::MAX)] {
        assert!(Queue::new(workers, limit).is_err(), "{workers} {limit}");
    }
    let largest = Queue::new(Queue::MOST, Queue::MOST).unwrap();
    let queue = largest.with_order(QueueOrder::Lifo).with_abandoned(Abandoned::Work);
    let queue = queue.with_retry(Some(ms(5)), Some(Pushback::Never));
    let behavior = Behavior::constant(ms(1)).with_queue(queue);
    assert_eq!(behavior.queue(), Some(&queue));
    assert_eq!(behavior.text().parse().as_ref(), Ok(&behavior));
}

/// Only an entire behavior stalls, not a part of one.
#[test]
fn a_part_that_stalls_is_refused() {
    let stalls: Behavior = "5ms; stall(for=1s)".parse().unwrap();
    assert!(Behavior::mix(&[(p("100"), stalls.clone())]).is_err());
    assert!(Behavior::attempts(&[stalls]).is_err());
}

#[test]
fn a_mix_of_recordings_draws_from_each() {
    let replay = |name, nanos| Behavior::replay(name, &[(nanos, 1)]).unwrap();
    let mix = |one, other| Behavior::mix(&[(p("50"), one), (p("50"), other)]);
    let both = mix(replay("a", 1), replay("b", 2)).unwrap();
    let draw = |index| both.draw(&DrawKey { seed: 1, name: CallName::Id(""), attempt: 1, index });
    let drawn: std::collections::BTreeSet<_> = (0..64).map(draw).collect();
    assert_eq!(drawn, [1, 2].map(Duration::from_nanos).into());
    assert!(mix(replay("a", 1), replay("a", 1)).is_ok());
    let why = mix(replay("a", 1), replay("a", 2)).unwrap_err().to_string();
    assert!(why.contains("its own name"), "{why}");
}

/// The canonical text leaves it out, because every server allows an hour.
#[test]
fn a_max_of_an_hour_is_kept_on_a_server_that_allows_more() {
    let most = Duration::from_secs(7_200);
    let behavior = Behavior::read("exponential(20m) max 1h", &Rules::caller(most)).unwrap();
    let within = behavior.within(most).unwrap();
    assert_eq!(within.delays(1).ends().1, Duration::from_secs(3_600));
    assert_eq!(within, behavior);
}

#[test]
fn all_delays_of_a_mixture_are_at_most_its_longest() {
    let tenth = (p("10"), Behavior::constant(ms(1)));
    let mixture = Behavior::mix(&vec![tenth; 10]).unwrap();
    for delay in [ms(1), ms(5)] {
        assert_eq!(mixture.delays(1).share_to(delay).to_bits(), 1.0_f64.to_bits());
    }
}
