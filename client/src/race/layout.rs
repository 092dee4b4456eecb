//! The content of a race's picture, whether it is drawn as text or as SVG. Pure.

use std::time::Duration;

use longsync_text::grouped;

use crate::figures::rounded;
use crate::race::outcome::{CallEnd, Race, RaceCall, WayRun};

/// The most rows shown of a way; if it has more, the first and the last ones.
const MOST_ROWS: usize = 24;

/// The meaning of the number after a bar.
pub(super) const MARK: &str = "the number after a bar: its place in the order of answers";

/// The look of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Answered,
    Failed,
    Cancelled,
    Projected,
    Unfinished,
}

impl Look {
    /// All of them, in the order of a legend.
    pub(super) const ALL: [Self; 5] =
        [Self::Answered, Self::Failed, Self::Cancelled, Self::Projected, Self::Unfinished];

    /// The look of a call with this end.
    pub(super) fn of(end: &CallEnd) -> Self {
        match end {
            CallEnd::Answered { .. } => Self::Answered,
            CallEnd::Failed { .. } => Self::Failed,
            CallEnd::Cancelled { .. } => Self::Cancelled,
            CallEnd::Projected { .. } => Self::Projected,
            CallEnd::Unfinished => Self::Unfinished,
        }
    }

    /// Its meaning, as a word for pictures and JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Projected => "projected",
            Self::Unfinished => "unfinished",
        }
    }
}

/// A line of a way's waterfall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WaterfallLine {
    /// A call.
    Bar {
        index: usize,
        from: Duration,
        to: Duration,
        look: Look,
        /// The planned fault that hit it.
        fault: Option<String>,
        /// Its place in the order of answers, if delays vary.
        order: Option<usize>,
    },
    /// A call that was not sent.
    NotSent { index: usize },
    /// A call that is projected to start beyond the end of the axis.
    Beyond { index: usize, from: Duration },
    /// This number of calls, which are not shown.
    Fold(usize),
}

impl WaterfallLine {
    /// The label before the line.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Fold(_) => "⋮".to_owned(),
            Self::Bar { index, .. } | Self::NotSent { index } | Self::Beyond { index, .. } => {
                index.to_string()
            }
        }
    }

    /// The words in place of a bar.
    pub(super) fn words(&self) -> Option<String> {
        match self {
            Self::Bar { .. } => None,
            Self::NotSent { .. } => Some("not sent".to_owned()),
            Self::Beyond { from, .. } => Some(format!("▸ from {} on, projected", rounded(*from))),
            Self::Fold(hidden) => Some(format!("{} more", grouped(*hidden as u64))),
        }
    }
}

/// The end of the time axis, which all ways of a race share.
///
/// It covers the measured time, and also the projected time if that is not much longer.
pub(super) fn axis_end(race: &Race) -> Duration {
    let longest = |of: fn(&WayRun) -> Duration| race.runs.iter().map(of).max().unwrap_or_default();
    let (measured, whole) = (longest(WayRun::measured), longest(|run| run.wall));
    let end = if measured.is_zero() { whole } else { whole.min(measured + measured / 4) };
    end.max(Duration::from_nanos(1))
}

/// The waterfall of a way on an axis up to `end`.
pub(super) fn lines(race: &Race, run: &WayRun, end: Duration) -> Vec<WaterfallLine> {
    let count = run.rows.len();
    let half = MOST_ROWS / 2;
    let order = if race.plan.delays.vary() { run.order_of_answers() } else { vec![None; count] };
    let is_beyond = |row: &RaceCall| row.is_projected() && row.sent.is_some_and(|sent| sent >= end);
    let mut lines = Vec::new();
    let mut hidden = 0;
    for (index, row) in run.rows.iter().enumerate() {
        let is_folded = count > MOST_ROWS && (half..count - half).contains(&index);
        if is_folded || (is_beyond(row) && index + 1 < count) {
            hidden += 1;
            continue;
        }
        if hidden > 0 {
            lines.push(WaterfallLine::Fold(std::mem::take(&mut hidden)));
        }
        lines.push(match row.sent {
            Some(from) if is_beyond(row) => WaterfallLine::Beyond { index, from },
            _ => bar(index, row, run.wall, order[index]),
        });
    }
    lines
}

fn bar(index: usize, row: &RaceCall, stopped: Duration, order: Option<usize>) -> WaterfallLine {
    let (look, to) = (Look::of(&row.end), row.done().unwrap_or(stopped));
    match row.sent {
        None if look == Look::Unfinished => WaterfallLine::NotSent { index },
        from => WaterfallLine::Bar {
            index,
            from: from.unwrap_or(to),
            to,
            look,
            fault: row.fault().map(str::to_owned),
            order,
        },
    }
}

/// The looks that occur in the waterfalls of a race; none, if all calls were answered.
pub(super) fn legend(race: &Race) -> Vec<Look> {
    let occurs = |look: &Look| {
        race.runs.iter().any(|run| match look {
            Look::Answered => run.answered() > 0,
            Look::Failed => run.failed() > 0,
            Look::Cancelled => run.cancelled() > 0,
            Look::Projected => run.projected() > 0,
            Look::Unfinished => run.unfinished() > 0,
        })
    };
    let occurring: Vec<_> = Look::ALL.into_iter().filter(occurs).collect();
    if occurring == [Look::Answered] { Vec::new() } else { occurring }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::race::delays::RaceDelays;
    use crate::race::plan::RacePlan;
    use crate::race::way::Way;

    fn race(rows: Vec<RaceCall>) -> Race {
        let wall = rows.iter().filter_map(RaceCall::done).max().unwrap_or_default();
        let run = WayRun { wall, rows, ..WayRun::skipped(Way::Sequential, String::new()) };
        let delays = RaceDelays::Constant(Duration::from_secs(1));
        let plan = RacePlan::builder(1, delays).ways([Way::Sequential]).build().unwrap();
        let target = Some("http://127.0.0.1:9000".parse().unwrap());
        Race { plan, target, is_interrupted: false, runs: vec![run] }
    }

    /// Sequential calls of one second each, of which the given number were made.
    fn sequential(made: usize, count: usize) -> Race {
        let at = |index: usize| Duration::from_secs(index as u64);
        let row = |index| RaceCall {
            sent: Some(at(index)),
            end: if index < made {
                CallEnd::answered(at(index + 1), None, None)
            } else {
                CallEnd::Projected { done: at(index + 1) }
            },
        };
        race((0..count).map(row).collect())
    }

    fn shown(race: &Race) -> Vec<WaterfallLine> {
        lines(race, &race.runs[0], axis_end(race))
    }

    proptest! {
        /// Every call is shown or counted as hidden, and no waterfall exceeds the maximum length.
        #[test]
        fn every_call_is_shown_or_counted(made in 1_usize..60, more in 0_usize..2_000) {
            let race = sequential(made, made + more);
            let lines = shown(&race);
            let count = |line: &WaterfallLine| match line { WaterfallLine::Fold(hidden) => *hidden, _ => 1 };
            let counted: usize = lines.iter().map(count).sum();
            prop_assert_eq!(counted, made + more);
            prop_assert!(lines.len() <= MOST_ROWS + 2);
        }
    }

    #[test]
    fn an_axis_covers_the_projected_time_unless_that_is_much_longer() {
        assert_eq!(axis_end(&sequential(10, 12)), Duration::from_secs(12));
        assert_eq!(axis_end(&sequential(10, 1_000)), Duration::from_millis(12_500));
        assert_eq!(axis_end(&sequential(0, 7)), Duration::from_secs(7));
    }

    #[test]
    fn calls_beyond_the_axis_share_one_line() {
        let lines = shown(&sequential(10, 1_000));
        let [.., WaterfallLine::Bar { index: 11, .. }, WaterfallLine::Fold(987), last] = &lines[..]
        else {
            panic!("{lines:?}")
        };
        // The middle of a long waterfall is folded together with the calls beyond the axis.
        assert_eq!(*last, WaterfallLine::Beyond { index: 999, from: Duration::from_secs(999) });
    }
}
