//! The client against real servers, and its binary as a user runs it.

#![expect(clippy::unwrap_used, reason = "in tests a failed step is a failed test")]

#[cfg(feature = "cli")]
mod behavior;
mod call;
mod chart;
#[cfg(feature = "cli")]
mod cli;
mod connections;
mod goaway;
mod harness;
mod hostile;
mod load_record;
mod load_seen;
mod loads;
mod peer;
mod race;
mod report;
