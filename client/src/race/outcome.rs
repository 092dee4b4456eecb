//! What a race measured, and what follows from it. Pure.

use std::time::Duration;

use crate::race::way::Way;
use crate::target::Target;

/// What a race measured.
#[derive(Debug, Clone)]
pub struct Race {
    /// How many calls each way made.
    pub calls: usize,
    /// What each asked for.
    pub delay: Duration,
    /// Who was called.
    pub target: Target,
    /// Whether that was a server inside this process.
    pub is_embedded: bool,
    /// Whether it was ended early.
    pub is_interrupted: bool,
    /// The ways, in the order in which they ran.
    pub runs: Vec<WayRun>,
}

/// What one way measured.
#[derive(Debug, Clone)]
pub struct WayRun {
    /// Which.
    pub way: Way,
    /// From its start to the end of its last call.
    pub wall: Duration,
    /// How many threads made its calls.
    pub threads: usize,
    /// How many connections they took.
    pub connections: usize,
    /// How many streams carried them: a call each, but in an exchange many.
    pub streams: usize,
    /// How far the process's memory rose above what it was at the start; [`None`] where the system
    /// cannot tell. With a server inside, its part is included.
    pub memory_added_bytes: Option<u64>,
    /// Its calls, in the order in which they were planned.
    pub rows: Vec<Row>,
    /// What kept it from making all its calls.
    pub trouble: Option<String>,
}

/// One call, in time since its way's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// When it was sent; [`None`] when it was not.
    pub sent: Option<Duration>,
    /// How and when it ended.
    pub end: End,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With its answer.
    Answered {
        /// When it was done.
        done: Duration,
        /// How long the server waited, by its own account.
        waited: Option<Duration>,
    },
    /// With an error.
    Failed {
        /// When it was done.
        done: Duration,
        /// The status.
        code: tonic::Code,
        /// What the status said.
        message: String,
    },
    /// Not at all: the race was ended before that.
    Unfinished,
}

impl Row {
    /// A call that was never sent.
    pub const UNSENT: Self = Self { sent: None, end: End::Unfinished };

    /// When the call was done, if it was.
    pub fn done(&self) -> Option<Duration> {
        match self.end {
            End::Answered { done, .. } | End::Failed { done, .. } => Some(done),
            End::Unfinished => None,
        }
    }
}

impl WayRun {
    /// How many calls failed.
    pub fn failed(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.end, End::Failed { .. })).count()
    }

    /// How many calls were not answered when the race was ended.
    pub fn unfinished(&self) -> usize {
        self.rows.iter().filter(|row| row.end == End::Unfinished).count()
    }

    /// How many calls were sent and not done, at the most.
    pub fn most_in_flight(&self) -> usize {
        let mut events: Vec<(Duration, i32)> = Vec::with_capacity(self.rows.len() * 2);
        for row in &self.rows {
            let Some(sent) = row.sent else { continue };
            events.push((sent, 1));
            events.extend(row.done().map(|done| (done, -1)));
        }
        // At the same instant an end goes before a start.
        events.sort_unstable();
        let (mut in_flight, mut most) = (0, 0);
        for (_, change) in events {
            in_flight += change;
            most = most.max(in_flight);
        }
        usize::try_from(most).unwrap_or(0)
    }
}

impl Race {
    /// The run of a way, if it was whole: all calls answered.
    pub fn whole(&self, way: Way) -> Option<&WayRun> {
        self.runs.iter().find(|run| run.way == way && run.failed() + run.unfinished() == 0)
    }

    /// What the calls take one after another: as measured, else calls times delay.
    pub fn one_by_one(&self) -> Duration {
        let measured = self.whole(Way::Sequential).map(|run| run.wall);
        measured.unwrap_or_else(|| {
            self.delay.saturating_mul(u32::try_from(self.calls).unwrap_or(u32::MAX))
        })
    }

    /// How many times as fast as one after another a way was; [`None`] unless all its calls were
    /// answered.
    pub fn speed_up(&self, run: &WayRun) -> Option<f64> {
        let is_whole = run.failed() + run.unfinished() == 0 && !run.wall.is_zero();
        is_whole.then(|| self.one_by_one().as_secs_f64() / run.wall.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(spans: &[(u64, u64)]) -> WayRun {
        let row = |&(sent, took): &(u64, u64)| Row {
            sent: Some(Duration::from_millis(sent)),
            end: End::Answered { done: Duration::from_millis(sent + took), waited: None },
        };
        WayRun {
            way: Way::Tasks,
            wall: Duration::from_millis(
                spans.iter().map(|(sent, took)| sent + took).max().unwrap_or(0),
            ),
            threads: 1,
            connections: 1,
            streams: spans.len(),
            memory_added_bytes: None,
            rows: spans.iter().map(row).collect(),
            trouble: None,
        }
    }

    proptest! {
        /// The most in flight is what counting at every start finds.
        #[test]
        fn most_in_flight_is_the_highest_count_at_a_start(spans in proptest::collection::vec((0_u64..50, 1_u64..50), 0..30)) {
            let at = |time: u64| spans.iter().filter(|(sent, took)| *sent <= time && time < sent + took).count();
            let expected = spans.iter().map(|(sent, _)| at(*sent)).max().unwrap_or(0);
            prop_assert_eq!(run(&spans).most_in_flight(), expected);
        }
    }

    #[test]
    fn calls_one_after_another_are_one_in_flight() {
        assert_eq!(run(&[(0, 10), (10, 10), (20, 10)]).most_in_flight(), 1);
    }

    #[test]
    fn an_unfinished_call_stays_in_flight() {
        let mut unfinished = run(&[(0, 10), (20, 10)]);
        unfinished.rows[0].end = End::Unfinished;
        assert_eq!((unfinished.most_in_flight(), unfinished.unfinished()), (2, 1));
    }
}
