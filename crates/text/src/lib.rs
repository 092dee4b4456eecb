//! How people write what longsync reads and prints: durations, rates, percentages and counts. Also the words
//! of its small languages, the sentences about mistakes in them, and the text that a server sends, made
//! harmless for a terminal, and the system's errors in words.
//!
//! Pure: nothing here knows a clock, does I/O, or needs more than the standard library.
//!
//! ```
//! use std::time::Duration;
//! use longsync_text::{Rate, duration, grouped, said};
//!
//! assert_eq!(duration::parse("1.5s"), Ok(Duration::from_millis(1_500)));
//! assert_eq!("120/min".parse().ok(), Rate::per_second(2));
//! assert_eq!(grouped(10_000), "10,000");
//! assert_eq!(said::quoted("\u{1b}[31mred"), r"`\u{1b}[31mred`");
//! ```

mod byte_rate;
pub mod count;
pub mod decimal;
pub mod duration;
mod grpc_code;
pub mod parse_error;
mod percent;
mod quote;
mod rate;
pub mod said;
pub mod string;
mod system_error;
mod typed_duration;
pub mod words;

pub use crate::byte_rate::{ByteRate, ParseByteRateError};
pub use crate::count::{counted, grouped};
pub use crate::grpc_code::GrpcCode;
pub use crate::percent::{ParsePercentError, Percent};
pub use crate::quote::quoted;
pub use crate::rate::{ParseRateError, Rate};
pub use crate::system_error::in_words;
pub use crate::typed_duration::TypedDuration;
