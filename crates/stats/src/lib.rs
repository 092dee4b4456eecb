//! What is known of many calls: how long they took, how they ended, which were never sent.
//!
//! A [`Recorder`] takes each [`Call`] as it ends and keeps [`Distribution`]s and counts, so its size does
//! not depend on how many calls there are; recorders merge exactly. The definitions of the figures
//! (service time, response time, lag, added, lateness) are in the docs of its methods.
//!
//! [`Confidence`] says how sure a percentile is, and [`Succession`] whether calls were independent.
//!
//! Pure: nothing here reads a clock, does I/O, or makes calls. Times are [`Moment`]s, nanoseconds since
//! the start of a run, which the caller measures; statuses are numbers, so that nothing here knows
//! gRPC's libraries.
//!
//! ```
//! use std::time::Duration;
//! use longsync_stats::{Call, Moment, Percentile, Reading, Recorder, StatusCode};
//!
//! let mut recorder = Recorder::new(Duration::ZERO);
//! for number in 0..100 {
//!     let due = Moment::from_nanos(number * 1_000_000);
//!     let done = due + Duration::from_micros(if number < 98 { 250 } else { 9_000 });
//!     let ended_well = StatusCode::OK;
//!     recorder.record(&Call { due: Some(due), ..Call::new(due, done, ended_well) });
//! }
//! assert_eq!(recorder.ended_with(0), 100);
//! let response_time = recorder.response_time();
//! let Some(Reading::At(p99)) = response_time.percentile(Percentile::P99) else { panic!() };
//! assert_eq!(p99.as_millis(), 9);
//! ```

mod confidence;
mod distribution;
mod moment;
mod observed;
mod recorded;
mod recorder;
mod status_code;
mod succession;

pub use crate::confidence::{Bucket, Confidence, ConfidenceInterval, Ranks, Span, Sparse};
pub use crate::distribution::{Distribution, Percentile, Reading};
pub use crate::moment::Moment;
pub use crate::observed::{Buckets, Observed, Percentiles};
pub use crate::recorded::{NotRecorded, Recorded};
pub use crate::recorder::{Call, Recorder, Times, Unsent, UnsentCounts, Waits};
pub use crate::status_code::StatusCode;
pub use crate::succession::Succession;
