//! Draws that an independent program computed from the specification: `tests/behavior/oracle.py`.

use std::time::Duration;

use longsync_behavior::{Behavior, CallName, DrawKey};

/// Each line has a seed, a text, a name, an attempt, an index, and the delay in nanoseconds.
const GOLDEN: &str = include_str!("../../../../tests/behavior/golden.txt");

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
