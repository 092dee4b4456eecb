//! The client against real servers, and its binary as a user runs it.

#![expect(clippy::unwrap_used, reason = "in tests a failed step is a failed test")]

#[cfg(feature = "cli")]
mod behavior;
mod call;
mod call_seen;
mod chart;
#[cfg(feature = "cli")]
mod cli;
mod connections;
mod goaway;
mod harness;
mod hostile;
#[cfg(feature = "cli")]
mod load;
#[cfg(feature = "cli")]
mod load_files;
mod load_record;
#[cfg(feature = "cli")]
mod load_refused;
mod load_seen;
#[cfg(feature = "cli")]
mod load_trouble;
mod loads;
mod peer;
#[cfg(feature = "cli")]
mod planned_faults;
#[cfg(feature = "cli")]
mod printed;
mod race;
mod race_faults;
mod report;
mod storm;
#[cfg(feature = "cli")]
mod storm_cli;
#[cfg(feature = "cli")]
mod usage;
#[cfg(feature = "cli")]
mod variables;
