//! Makes any number of calls, and measures each: the engine of load runs and of the benchmarks.
//!
//! When to send, when to stop, what to send and what to record are four separate things: [`Schedule`],
//! [`StopCondition`], [`Method`] and [`Recorder`](longsync_stats::Recorder). A [`LoadPlan`] combines them and
//! rejects what is impossible; [`run`] carries it out on worker threads, each with its own connections, and
//! merges what they recorded. [`run_over`] does so over any [`Transport`](longsync_connect::Transport), and
//! [`run_here`] with one worker on the caller's runtime, by a clock that a test may control.
//!
//! Calls do not go through tonic's generated client: there are many of them and they are all alike, so each
//! worker speaks HTTP/2 itself and reads only the recorded parts of an answer. A call has no task of its own:
//! the task of its connection polls the calls that were woken.
//!
//! The engine prints nothing and writes no reports.
//!
//! ```
//! # use std::time::Duration;
//!
//! use longsync::v1::LongSyncRequest;
//! use longsync_load::{Control, LoadPlan, LongSync, Rate, Schedule, StopCondition, run};
//! use longsync_stats::Percentile;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let behavior = longsync_server::Behavior::constant(Duration::from_millis(5));
//! # let server = longsync_server::start(behavior)?;
//! # let target = server.url().parse()?;
//! let calls = LongSync::new(&LongSyncRequest::default())?;
//! let rate = "1000/s".parse::<Rate>()?;
//! let schedule = Schedule::poisson(rate, 1);
//! let plan = LoadPlan::builder(target, calls, schedule, StopCondition::after_calls(100)).build()?;
//! let load = run(&plan, &Control::default(), ()).await?;
//! assert_eq!(load.figures.counts.ended_with(0), 100);
//! println!("{:?}", load.figures.response_time().percentile(Percentile::P99));
//! # Ok(())
//! # }
//! ```

mod backoff;
mod board;
mod collector;
mod common;
mod control;
mod deadlines;
mod due_calls;
mod ending;
mod gauge;
mod growth;
mod in_flight;
mod lane;
mod load;
mod long_sync;
mod method;
mod mixed;
mod observer;
mod pending_answer;
mod plan;
mod progress;
mod records;
mod run;
mod sample;
mod schedule;
mod stop;
mod threads;
mod worker;

pub use crate::control::Control;
pub use crate::load::{Fate, Load, RunEnd, SampledCall};
pub use crate::long_sync::LongSync;
pub use crate::method::{CallNumber, Method};
pub use crate::observer::{Live, Observer};
pub use crate::plan::{ConnectionCount, DEFAULT_SPIN, LoadPlan, LoadPlanBuilder, LoadPlanError};
pub use crate::progress::RunProgress;
pub use crate::run::{LoadError, run, run_here, run_over};
pub use crate::schedule::{
    Arrival, Arrivals, Concurrency, DueTimes, Profile, Replay, Schedule, ScheduleError, Speed,
    WorkerShare,
};
pub use crate::stop::StopCondition;
/// Why every server would refuse a request.
pub use longsync_connect::request::RequestError;
/// The rate at which calls are made.
pub use longsync_text::{ParseRateError, Rate};
