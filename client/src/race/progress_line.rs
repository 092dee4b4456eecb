//! The progress line that a terminal shows for a running way. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::grouped;

use crate::chart::bars::bar;
use crate::race::progress::ProgressSnapshot;
use crate::race::way::Way;
use crate::wrap::hanging;

/// The width of the longest name of a way.
const NAME: usize = 10;
/// The least and the greatest width of the bar; with less room than the least, it is left out.
const BAR: (usize, usize) = (8, 30);

/// The progress of a way, for a terminal with the given number of columns: its name, a bar, how many of its
/// calls are done and in flight, and how long it has run. If there is not enough room, the bar is left out,
/// and the words take several lines. For a way that has not begun, no calls are done.
pub fn progress_line(
    way: Way,
    calls: usize,
    at: Option<(ProgressSnapshot, Duration)>,
    columns: usize,
) -> String {
    let whole = grouped(calls as u64);
    let (done, words) = match at {
        None => (0, format!("0 of {whole} done")),
        Some((ProgressSnapshot { done, in_flight }, elapsed)) => {
            let (done_words, flying) = (grouped(done as u64), grouped(in_flight as u64));
            let elapsed = text(Duration::from_secs(elapsed.as_secs()));
            (done, format!("{done_words} of {whole} done, {flying} in flight, {elapsed}"))
        }
    };
    let room = columns.saturating_sub(NAME + 1);
    let free = room.saturating_sub(words.chars().count() + 1).min(BAR.1);
    let mut line = format!("{:>NAME$} ", way.to_string());
    if free >= BAR.0 {
        let (drawn, rest) = bar(done as u64, calls as u64, free, '█');
        let _ = write!(line, "{drawn}{:rest$} {words}", "");
    } else {
        line.push_str(&hanging(&words, columns, NAME + 1).join("\n"));
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WAYS: [Way; 4] = [Way::Sequential, Way::Threads, Way::Tasks, Way::Exchange];

    fn at(done: usize, in_flight: usize, seconds: u64) -> (ProgressSnapshot, Duration) {
        (ProgressSnapshot { done, in_flight }, Duration::from_secs(seconds))
    }

    proptest! {
        /// From 40 columns on, no line is wider than the terminal, and no figure is lost.
        #[test]
        fn every_figure_is_shown_and_no_line_is_wider_than_the_terminal(
            way in 0_usize..4,
            calls in 1_usize..=1_000_000,
            done in 0_usize..=1_000_000,
            in_flight in 0_usize..=1_000_000,
            seconds in 0_u64..100_000,
            columns in 40_usize..200,
        ) {
            let drawn = progress_line(WAYS[way], calls, Some(at(done.min(calls), in_flight, seconds)), columns);
            prop_assert!(drawn.lines().all(|line| line.chars().count() <= columns), "{}", drawn);
            let words = drawn.split_whitespace().collect::<Vec<_>>().join(" ");
            for figure in [
                format!("{} of {} done", grouped(done.min(calls) as u64), grouped(calls as u64)),
                format!("{} in flight", grouped(in_flight as u64)),
                text(Duration::from_secs(seconds)),
            ] {
                prop_assert!(words.contains(&figure), "{}", drawn);
            }
        }
    }

    #[test]
    fn the_line_of_a_running_way() {
        let drawn =
            |columns| progress_line(Way::Tasks, 1_000_000, Some(at(250_000, 750_000, 12)), columns);
        assert_eq!(
            drawn(80),
            "     tasks ████▊               250,000 of 1,000,000 done, 750,000 in flight, 12s"
        );
        assert_eq!(
            drawn(40),
            "     tasks 250,000 of 1,000,000 done,\n           750,000 in flight, 12s"
        );
        assert_eq!(
            progress_line(Way::Sequential, 8, Some(at(2, 1, 1)), 60),
            "sequential █████                2 of 8 done, 1 in flight, 1s"
        );
        assert_eq!(progress_line(Way::Exchange, 8, None, 24), "  exchange 0 of 8 done");
    }
}
