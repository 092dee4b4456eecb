//! The language in which a server is told how to behave, and the decision for each call.
//!
//! A [`Behavior`] is read from text, prints back to one canonical text, and knows the law of its delays.
//! [`decide`] tells which behavior applies to a call (its own, else the one in its header, else the server's)
//! and which delay and which fault the call draws from it.
//!
//! Pure: nothing here knows a clock, a runtime or a protocol, and decisions depend on the arguments alone.
//! The same seed, text and call id give the same delay and the same fault on every system.
//!
//! ```
//! use std::time::Duration;
//! use longsync_behavior::{Behavior, DrawKey, CallName};
//!
//! let behavior: Behavior = "lognormal(p50=10ms, p99=200ms) max 250ms".parse()?;
//! assert_eq!(behavior.delays(1).quantile(0.99), Duration::from_millis(200));
//!
//! let key = DrawKey { seed: 42, name: CallName::Id("order-1"), attempt: 1, index: 0 };
//! assert_eq!(behavior.draw(&key), behavior.draw(&key));
//! # Ok::<(), longsync_behavior::ParseBehaviorError>(())
//! ```

mod behavior;
mod decide;
mod delay;
mod delays;
pub mod envoy;
pub mod explain;
mod fault;
pub mod fit;
mod key;
mod normal;
mod parameter_error;
mod parse;
mod parse_error;
mod quadrature;
pub mod queue;
pub mod rpc_behavior;
mod rules;
mod shape;
mod stall;
mod written;

use std::time::Duration;

pub use crate::behavior::Behavior;
pub use crate::decide::{
    AppliedBehavior, BehaviorRequest, BehaviorSource, DecideError, Decision, FIXED, ServerPolicy,
    decide,
};
pub use crate::delays::DelayDistribution;
pub use crate::fault::{
    Failure, FailureStatus, Fault, FaultClause, FaultMoment, Faults, Pushback, ResetCode, SeenCalls,
};
pub use crate::key::{CallName, DrawKey};
pub use crate::parameter_error::ParameterError;
pub use crate::parse_error::ParseBehaviorError;
pub use crate::queue::{Abandoned, Queue, QueueOrder};
pub use crate::rules::{ReadRecording, Rules};
pub use crate::stall::{Origin, Stall};
pub use longsync_text::{GrpcCode, Percent};

/// The longest delay that a server allows by default.
pub const DEFAULT_MOST: Duration = Duration::from_secs(3_600);
