//! How people write what longsync reads and prints: durations, and quotations in sentences about them.
//!
//! Pure: nothing here knows a clock, does I/O, or needs more than the standard library.

pub mod duration;
mod quote;

pub use crate::quote::quoted;
