//! The result of a run.

use std::time::{Duration, SystemTime};

use longsync_stats::{
    Figures, Interval, Moment, NotSentReason, RuleStop, ServerWait, Share, StatusCode, Succession,
    TextCounts, WorkerTime,
};

/// The result of a run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Load {
    /// When recorded time began, by the wall clock: only a label.
    pub started_at: SystemTime,
    /// The measurements of its calls.
    pub figures: Figures,
    /// The same over time: intervals of equal length, except that the last may be shorter. At most 600.
    pub intervals: Vec<Interval>,
    /// How many calls of the warm-up were due; nothing else is recorded of them.
    pub warm_up: u64,
    /// The texts of failed calls.
    pub texts: TextCounts,
    /// How much successive good calls of a worker depend on one another.
    pub succession: Succession,
    /// Recorded time: from the end of the warm-up until no further call was due; in a closed loop, and in a
    /// burst, that ended after a number of calls, until the last call ended.
    pub recorded: Duration,
    /// From the run's start until the last call ended.
    pub took: Duration,
    /// Why it ended.
    pub end: RunEnd,
    /// How many connections were open when the run began.
    pub connections: usize,
    /// How many streams the server allowed per connection at that time, on average.
    pub streams_per_connection: u64,
    /// For how long there was no connection that takes calls, from the end of the warm-up until sending ended.
    pub without_connection: Duration,
    /// The number of worker threads that panicked; what they had recorded is counted.
    pub lost_workers: usize,
    /// How each worker's thread spent its time while calls were recorded; [`None`] if the system does not
    /// report it (Linux does), and for a run on the caller's thread.
    pub workers: Option<Vec<WorkerTime>>,
    /// The share of all processors' time that a hypervisor gave to other machines during that time.
    pub steal: Option<Share>,
    /// The sampled calls, as many as the plan asks for, in the order of their numbers.
    pub sample: Vec<SampledCall>,
    /// The host names of the servers that answered, as far as they report them: at most 100 per worker.
    pub servers: Vec<String>,
}

impl Load {
    /// A run with these figures that made all its calls; its other fields can be set. For tests of code that
    /// uses results.
    #[doc(hidden)]
    pub fn of(figures: Figures, intervals: Vec<Interval>) -> Self {
        let recorded = intervals.iter().map(|interval| interval.length).sum();
        Self {
            started_at: SystemTime::UNIX_EPOCH,
            figures,
            intervals,
            warm_up: 0,
            texts: TextCounts::default(),
            succession: Succession::default(),
            recorded,
            took: recorded,
            end: RunEnd::Complete,
            connections: 1,
            streams_per_connection: 100,
            without_connection: Duration::ZERO,
            lost_workers: 0,
            workers: None,
            steal: None,
            sample: Vec::new(),
            servers: Vec::new(),
        }
    }
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RunEnd {
    /// All calls of the plan were due.
    Complete,
    /// It was stopped from outside.
    Stopped,
    /// It was ended from outside, without waiting for anything.
    Ended,
    /// A stop rule of the plan ended it.
    StopRule(RuleStop),
    /// The server was lost: no connection could be opened within the grace (at least a second), or there was
    /// none when sending ended, and none within a second after that.
    Unreachable,
}

/// One call of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampledCall {
    /// Its number among all recorded calls.
    pub number: u64,
    /// When it was due; [`None`] in a closed loop.
    pub due: Option<Moment>,
    /// How it fared.
    pub fate: Fate,
}

/// How a call fared. There are no other cases: exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was not sent.
    NotSent(NotSentReason),
    /// It was sent at this moment, and had not ended when the run stopped.
    Unfinished(Moment),
    /// It has ended.
    Ended {
        /// When it was sent.
        sent: Moment,
        /// When it ended.
        done: Moment,
        /// The status with which it ended.
        code: StatusCode,
        /// The server's account of its wait.
        waits: Option<ServerWait>,
    },
}
