//! The language in which a server is told how to behave, and what it decides for a call.
//!
//! A [`Behavior`] is read from text and prints back to one canonical text. [`decide`] says which
//! behavior applies to a call: its own, else the one in its header, else the server's. So far, a
//! behavior is a constant delay.
//!
//! Pure: nothing here knows a clock, a runtime or a protocol, and what is decided depends on the
//! arguments alone.
//!
//! ```
//! use std::time::Duration;
//! use longsync_behavior::{Ask, Behavior, decide};
//!
//! let default = Behavior::constant(Duration::from_secs(5));
//! let ask = Ask { behavior: "constant(250ms)", ..Ask::default() };
//! let decision = decide(&ask, &default, Duration::from_secs(3_600))?;
//! assert_eq!(decision.delay, Duration::from_millis(250));
//! assert_eq!(decision.applied.text(), "250ms");
//! # Ok::<(), longsync_behavior::Refused>(())
//! ```

mod behavior;
mod decide;
pub mod fit;
mod parse;

pub use crate::behavior::Behavior;
pub use crate::decide::{Applied, Ask, Decision, Place, Refused, decide};
pub use crate::parse::NotABehavior;
