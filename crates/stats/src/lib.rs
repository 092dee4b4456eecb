//! Statistics of many calls: how long they took, how they ended, which were never sent.
//!
//! A [`Recorder`] takes each [`CallRecord`] as it is sent and as it ends, and keeps [`Figures`]:
//! [`Distribution`]s and counts, so their size does not depend on how many calls there are. Figures merge
//! exactly; their fields define service time, response time, lag, added and lateness.
//!
//! From figures, a [`Threshold`] decides whether a run reached what it must, a [`StopRuleWatch`] when a
//! [`StopRule`] ends it, a [`Verdict`] whether the client set its pace, and [`HeldBack`] what held calls
//! back. [`Confidence`] gives the confidence interval of a percentile, and [`Succession`] tells whether calls
//! were independent.
//!
//! Pure: nothing here reads a clock, does I/O, or makes calls. Times are [`Moment`]s, nanoseconds since
//! the start of a run, which the caller measures; statuses are numbers, so that nothing here knows
//! gRPC's libraries.
//!
//! ```
//! use std::time::Duration;
//! use longsync_stats::{CallRecord, Moment, Percentile, Quantile, Recorder, StatusCode};
//!
//! let mut recorder = Recorder::default();
//! for number in 0..100 {
//!     let due = Moment::from_nanos(number * 1_000_000);
//!     let done = due + Duration::from_micros(if number < 98 { 250 } else { 9_000 });
//!     let ended_well = StatusCode::OK;
//!     recorder.sent(Some(due), due);
//!     recorder.ended(&CallRecord { due: Some(due), ..CallRecord::new(due, done, ended_well) }, None);
//! }
//! let figures = recorder.figures();
//! assert_eq!(figures.counts.ended_with(0), 100);
//! let response_time = figures.response_time();
//! let Some(Quantile::At(p99)) = response_time.percentile(Percentile::P99) else { panic!() };
//! assert_eq!(p99.as_millis(), 9);
//! ```

mod call;
mod comparison;
mod confidence;
mod counts;
mod distribution;
mod figures;
mod hdr;
mod held_back;
mod interval;
mod limit;
mod metric;
mod moment;
mod not_sent;
mod observed;
mod percentile;
mod recorded;
mod recorder;
mod run_loop;
#[cfg(test)]
mod samples;
mod share;
mod status_code;
mod statuses;
mod stop_rule;
mod succession;
mod texts;
mod threshold;
mod verdict;

pub use crate::call::{CallRecord, ServerWait, TransportFailure};
pub use crate::confidence::{Confidence, ConfidenceInterval, Ranks, Span, Sparse};
pub use crate::counts::Counts;
pub use crate::distribution::{Bucket, Distribution, Quantile};
pub use crate::figures::{Figure, Figures};
pub use crate::hdr::{DecodeDistributionError, LogWriter};
pub use crate::held_back::{BusiestPeriod, HeldBack, InFlightLimits, NeededInFlight};
pub use crate::interval::Interval;
pub use crate::metric::Value;
pub use crate::moment::Moment;
pub use crate::not_sent::{NotSentCounts, NotSentReason};
pub use crate::observed::{Observation, ObservedBuckets, ObservedPercentiles};
pub use crate::percentile::{ParsePercentileError, Percentile};
pub use crate::recorded::{RecordedDurations, RecordingError};
pub use crate::recorder::Recorder;
pub use crate::run_loop::Loop;
pub use crate::share::Share;
pub use crate::status_code::StatusCode;
pub use crate::statuses::GoodStatuses;
pub use crate::stop_rule::{RuleStop, StopRule, StopRuleError, StopRuleWatch};
pub use crate::succession::Succession;
pub use crate::texts::TextCounts;
pub use crate::threshold::{Threshold, ThresholdError, ThresholdResult};
pub use crate::verdict::{Effect, Evidence, ProcessorTime, Sign, Verdict, WorkerTime};
