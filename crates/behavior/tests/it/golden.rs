//! Draws that an independent program computed from the specification: `tests/behavior/oracle.py`.

use std::time::Duration;

use longsync_behavior::{
    Behavior, BehaviorRequest, CallName, DEFAULT_MOST, Decision, DrawKey, ServerPolicy,
};

/// Each line has a seed, a text, a name, an attempt, an index, and the delay in nanoseconds.
const GOLDEN: &str = include_str!("../../../../tests/behavior/golden.txt");

/// Each line has the same and, at its end, the canonical text of the clause that hits the call, or `-`. The
/// calls state their attempts.
const GOLDEN_FAULTS: &str = include_str!("../../../../tests/behavior/golden_faults.txt");

/// A call id in quotes, or `#CONNECTION/REQUEST`.
fn name(text: &str) -> CallName<'_> {
    if let Some(id) = text.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        return CallName::Id(id);
    }
    let numbers = text.strip_prefix('#').and_then(|it| it.split_once('/')).expect("two numbers");
    let [connection, request] = [numbers.0, numbers.1].map(|it| it.parse().expect("a number"));
    CallName::Numbers { connection, request }
}

#[test]
fn every_draw_matches_the_oracle_to_the_nanosecond() {
    let mut count = 0;
    for line in GOLDEN.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let [seed, text, call, attempt, index, nanos] = fields[..] else { panic!("{line}") };
        let key = DrawKey {
            seed: seed.parse().unwrap(),
            name: name(call),
            attempt: attempt.parse().unwrap(),
            index: index.parse().unwrap(),
        };
        let behavior: Behavior = text.parse().unwrap();
        let expected = Duration::from_nanos(nanos.parse().unwrap());
        assert_eq!(behavior.draw(&key), expected, "{line}");
        // The canonical text draws the same, because it represents the behavior.
        let printed: Behavior = behavior.text().parse().unwrap();
        assert_eq!(printed.draw(&key), expected, "{behavior}");
        count += 1;
    }
    assert_eq!(count, 60);
}

#[test]
fn every_fault_matches_the_oracle() {
    let mut hit = 0;
    for line in GOLDEN_FAULTS.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let [seed, text, call, attempt, index, nanos, clause] = fields[..] else {
            panic!("{line}")
        };
        let key = DrawKey {
            seed: seed.parse().unwrap(),
            name: name(call),
            attempt: attempt.parse().unwrap(),
            index: index.parse().unwrap(),
        };
        let behavior: Behavior = text.parse().unwrap_or_else(|why| panic!("{why}"));
        let decided = decide(&key, &behavior);
        assert_eq!(decided.delay, Duration::from_nanos(nanos.parse().unwrap()), "{line}");
        let first = decided.applied.first_failure(|_| key.attempt);
        let fault = first.or(decided.fault.as_ref());
        let fault = fault.map_or_else(|| "-".to_owned(), ToString::to_string);
        assert_eq!(fault, clause, "{line}");
        hit += usize::from(clause != "-");
    }
    assert!(hit >= 40, "{hit}");
}

/// The decision about a call that asks for nothing.
fn decide(key: &DrawKey<'_>, behavior: &Behavior) -> Decision {
    let server = ServerPolicy {
        behavior,
        max_delay: DEFAULT_MOST,
        is_fixed: false,
        read: &|_| Err("nothing is read".to_owned()),
    };
    longsync_behavior::decide(&BehaviorRequest::default(), key, &server).expect("a decision")
}
