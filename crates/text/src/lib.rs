//! How people write what longsync reads and prints: durations, percentages and counts, quotations in sentences about
//! them, and what a server said, so that it cannot act.
//!
//! Pure: nothing here knows a clock, does I/O, or needs more than the standard library.
//!
//! ```
//! use std::time::Duration;
//! use longsync_text::{duration, grouped, said};
//!
//! assert_eq!(duration::parse("1.5s"), Ok(Duration::from_millis(1_500)));
//! assert_eq!(grouped(10_000), "10,000");
//! assert_eq!(said::quoted("\u{1b}[31mred"), r"`\u{1b}[31mred`");
//! ```

mod count;
pub mod duration;
mod percent;
mod quote;
pub mod said;
pub mod string;

pub use crate::count::{counted, grouped};
pub use crate::percent::{NotAPercent, Percent};
pub use crate::quote::quoted;
