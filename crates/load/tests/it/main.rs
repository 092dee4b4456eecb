//! The load engine from outside, one file per concern.

#![expect(clippy::unwrap_used, reason = "in tests a failed step is a failed test")]

mod auto;
mod broken;
mod course;
mod goaway;
mod here;
mod in_memory;
mod lost;
mod real;
