//! The text of a behavior, read. So far: a constant delay.

use std::str::FromStr;

use longsync_text::{duration, quoted};

use crate::behavior::Behavior;

/// Where a text stops being a behavior, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not understood at column {column}: expected {expected}", quoted(.text))]
pub struct NotABehavior {
    text: String,
    column: usize,
    expected: &'static str,
}

const A_DELAY: &str = "a delay such as 250ms or constant(250ms); \
     other delay shapes, faults, queues and stalls are not understood yet";
const A_DURATION: &str = "a duration such as 250ms, 1.5s or 2m";
const THE_END: &str = "nothing more: a behavior has one delay, \
     and faults, queues and stalls are not understood yet";

impl FromStr for Behavior {
    type Err = NotABehavior;

    /// Reads `DURATION` or `constant(DURATION)`.
    fn from_str(text: &str) -> Result<Self, NotABehavior> {
        // `rest` is always a part of `text`: where it begins is the column.
        let fail = |rest: &str, expected| {
            let column = text[..text.len() - rest.len()].chars().count() + 1;
            Err(NotABehavior { text: text.to_owned(), column, expected })
        };
        let start = text.trim_start();
        let clause = start.split(';').next().unwrap_or_default();
        let (written, after) = match clause.strip_prefix("constant(") {
            Some(inner) => match inner.split_once(')') {
                Some((written, after)) => (written, after),
                None => return fail(&start[clause.len()..], "the closing `)` of constant("),
            },
            None => (clause, ""),
        };
        let Ok(delay) = duration::parse(written) else {
            return match clause.strip_prefix("constant(") {
                Some(_) => fail(&start["constant(".len()..], A_DURATION),
                None => fail(start, A_DELAY),
            };
        };
        let end = &start[clause.len() - after.len()..];
        if !end.trim().is_empty() {
            return fail(end.trim_start(), THE_END);
        }
        Ok(Self::constant(delay))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The canonical text of every behavior reads back to the same behavior.
        #[test]
        fn print_then_parse_is_the_same(nanos in 0_u64..=31_536_000_000_000_000) {
            let behavior = Behavior::constant(Duration::from_nanos(nanos));
            prop_assert_eq!(behavior.to_string().parse(), Ok(behavior));
        }

        /// Any text at all is either read or refused at a column inside it; nothing panics.
        #[test]
        fn any_text_is_read_or_refused(text in "(constant\\()?\\PC{0,12}[);µ]?\\PC{0,6}") {
            if let Err(refused) = text.parse::<Behavior>() {
                prop_assert!((1..=text.chars().count() + 1).contains(&refused.column));
            }
        }
    }

    #[test]
    fn a_constant_is_written_in_two_ways() {
        let expected = Ok(Behavior::constant(Duration::from_millis(1_500)));
        for text in ["1.5s", " 1.5s ", "1500ms", "constant(1.5s)", "constant( 1500ms )", "1s 500ms"]
        {
            assert_eq!(text.parse(), expected, "{text}");
        }
    }

    #[test]
    fn a_mistake_is_answered_with_its_column_and_what_was_expected() {
        for (text, column, expected) in [
            ("", 1, A_DELAY),
            ("lognormal(p50=1ms, p99=9ms)", 1, A_DELAY),
            ("  fail(10%, UNAVAILABLE)", 3, A_DELAY),
            ("constant(soon)", 10, A_DURATION),
            ("constant(5s", 12, "the closing `)` of constant("),
            ("5s; fail(10%, UNAVAILABLE)", 3, THE_END),
            ("constant(5s) max 3s", 14, THE_END),
        ] {
            let refused = text.parse::<Behavior>().unwrap_err();
            assert_eq!((refused.column, refused.expected), (column, expected), "{text}");
        }
    }
}
