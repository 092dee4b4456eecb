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
    /// When recorded time began, by the wall clock: a label, and no more.
    pub started_at: SystemTime,
    /// What was measured of its calls.
    pub figures: Figures,
    /// The same by time: pieces of equal length, of which the last may be shorter. At most 600.
    pub intervals: Vec<Interval>,
    /// How many calls of the warm-up were due, of which nothing else is recorded.
    pub warm_up: u64,
    /// What was said of failed calls.
    pub texts: TextCounts,
    /// How much successive good calls of a worker have in common.
    pub succession: Succession,
    /// Recorded time: from the end of the warm-up until no further call was due; of a closed loop, and of a burst, that
    /// a number of calls ended, until the last call ended.
    pub recorded: Duration,
    /// From the run's start until the last call ended.
    pub took: Duration,
    /// Why it ended.
    pub end: RunEnd,
    /// How many connections were open when it began.
    pub connections: usize,
    /// How many streams the server allowed per connection then, on average.
    pub streams_per_connection: u64,
    /// Worker threads that have panicked; what they had recorded is counted.
    pub lost_workers: usize,
    /// Where the time of each worker's thread went while calls were recorded; [`None`] if the system does not say it
    /// (Linux does), and for a run on the caller's thread.
    pub workers: Option<Vec<WorkerTime>>,
    /// How much of the time of all processors a hypervisor gave to other machines meanwhile.
    pub steal: Option<Share>,
    /// As many calls as the plan wants to have drawn, in the order of their numbers.
    pub sample: Vec<SampledCall>,
    /// The host names of the servers that answered, as far as they say: at most 100 per worker.
    pub servers: Vec<String>,
}

impl Load {
    /// A run of these figures that made all its calls; what else is known of it can be set. For tests of what
    /// is made of results.
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
    /// It was ended from outside, and waited for nothing.
    Ended,
    /// A rule of the plan ended it.
    StopRule(RuleStop),
    /// No connection could be opened within the grace.
    Unreachable,
}

/// One call of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampledCall {
    /// Its number among all recorded calls.
    pub number: u64,
    /// When it was due; [`None`] in a closed loop.
    pub due: Option<Moment>,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a call. There is nothing else: exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was not sent.
    NotSent(NotSentReason),
    /// It was sent then, and had not ended when the run stopped.
    Unfinished(Moment),
    /// It has ended.
    Ended {
        /// When it was sent.
        sent: Moment,
        /// When it ended.
        done: Moment,
        /// How.
        code: StatusCode,
        /// What the server says of its wait.
        waits: Option<ServerWait>,
    },
}
