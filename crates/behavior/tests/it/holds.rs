//! Properties of any text at all.

use std::time::Duration;

use longsync_behavior::{Behavior, CallName, DrawKey, Percent, Rules};

const HOUR: Duration = Duration::from_secs(3_600);

fn recording(file: &str) -> Result<Vec<(u64, u64)>, String> {
    if file == "times.csv" {
        Ok(vec![(0, 1), (1_000_000, 3), (3_600_000_000_000, 1)])
    } else {
        Err("it is not there".to_owned())
    }
}

/// The text is either a behavior or refused with a sentence that fits in a header and points into the text.
pub(crate) fn for_text(text: &str) {
    let server = Rules::server(HOUR, &recording);
    match Behavior::read(text, &server) {
        Ok(behavior) => for_behavior(&behavior, &server),
        Err(why) => {
            let sentence = why.to_string();
            assert!((1..=text.chars().count() + 1).contains(&why.column()), "{sentence}");
            assert!(sentence.len() <= 1_024, "{sentence}");
            assert!(!sentence.contains(char::is_control), "{sentence:?}");
            assert!(Behavior::read(text, &Rules::caller(HOUR)).is_err(), "{text}");
        }
    }
}

/// The canonical text fits in a header and reads the same, and delays lie within their bounds.
pub(crate) fn for_behavior(behavior: &Behavior, rules: &Rules<'_>) {
    let text = behavior.text();
    assert!(text.len() <= 4_096 && text.bytes().all(|it| (b' '..=b'~').contains(&it)), "{text}");
    let again = Behavior::read(text, rules).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(again.text(), text);
    assert!(again == *behavior, "{text}");
    let shares: u32 = behavior.faults().shares().map(|(share, _)| share.millionths()).sum();
    assert!(shares <= Percent::ALL.millionths(), "{text}");
    for attempt in [1, 2, behavior.last_attempt()] {
        let delays = behavior.delays(attempt);
        let (least, greatest) = delays.ends();
        assert!(least <= greatest && greatest <= HOUR, "{text}: {least:?} {greatest:?}");
        for index in 0..4 {
            let key = DrawKey { seed: 42, name: CallName::Id("any"), attempt, index };
            let delay = behavior.draw(&key);
            assert!((least..=greatest).contains(&delay), "{text}: {delay:?}");
            assert_eq!(again.draw(&key), delay, "{text}");
            let (same_delay, fault) = behavior.draw_with_fault(&key);
            assert_eq!(same_delay, delay, "{text}");
            assert_eq!(again.draw_with_fault(&key), (delay, fault), "{text}");
        }
        for p in [1e-9, 0.5, 0.999_999_999] {
            let delay = delays.quantile(p);
            assert!((least..=greatest).contains(&delay), "{text}: {delay:?} at {p}");
        }
    }
}
