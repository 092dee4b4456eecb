//! The schedule of calls.

use std::path::PathBuf;
use std::time::Duration;

use longsync_client::load;
use longsync_text::{ParseRateError, Rate};

use crate::args::{count, whole_u64};

/// How due times are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ArrivalsArg {
    /// Evenly (the default).
    Constant,
    /// Independently of one another, as if from unrelated callers: a Poisson process.
    Poisson,
    /// Each at a random time within its own slot.
    Uniform,
    /// All at the start: a burst of `-n` calls.
    AtOnce,
}

impl From<ArrivalsArg> for load::WrittenArrivals {
    fn from(arrivals: ArrivalsArg) -> Self {
        match arrivals {
            ArrivalsArg::Constant => Self::Constant,
            ArrivalsArg::Poisson => Self::Poisson,
            ArrivalsArg::Uniform => Self::Uniform,
            ArrivalsArg::AtOnce => Self::AtOnce,
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Schedule")]
pub(super) struct ScheduleArgs {
    /// Make calls at this rate, whatever the server does (an open loop): 2000, 2000/s, 120/min, 2k/s.
    #[arg(short = 'r', long, value_name = "RATE", value_parser = rate, visible_alias = "rps", visible_short_aliases = ['q', 'R'])]
    pub(super) rate: Option<String>,

    /// Keep this many calls in flight, each starting when another ends (a closed loop) [default: 50].
    #[arg(short = 'c', long, value_name = "N", value_parser = count)]
    pub(super) concurrency: Option<u64>,

    /// How the due times of an open loop are spaced.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(super) arrivals: Option<ArrivalsArg>,

    /// How the rate changes over time, such as 'line(from=0/s, to=1000/s, in=60s); constant(1000/s,
    /// for=60s)', or 'step(from=100/s, to=1000/s, by=100/s, every=10s)'.
    #[arg(long, value_name = "SCHEDULE")]
    pub(super) schedule: Option<String>,

    /// A schedule as a CSV file of seconds and rates: the rate is linear between lines, and the run ends at
    /// the last line; `-` reads stdin.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(super) schedule_file: Option<PathBuf>,

    /// Make calls at the times in a file: one per line, in seconds from the start, ascending;
    /// `-` reads stdin.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(super) replay: Option<PathBuf>,

    /// The speed of --replay, such as 2 for twice as fast, or 0.5 for half as fast.
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(super) replay_speed: Option<String>,

    /// The seed of everything random: the same seed gives the same due times and call ids [default: random].
    #[arg(long, value_name = "N", value_parser = whole_u64, hide_short_help = true)]
    pub(super) seed: Option<u64>,

    /// How long a closed loop waits between the end of one call and the start of the next.
    #[arg(long, value_name = "DURATION", value_parser = longsync_text::duration::parse, hide_short_help = true)]
    pub(super) think: Option<Duration>,

    /// How many calls a closed loop keeps in flight over time, such as 'step(from=1, to=64, by=1, every=1s)'.
    #[arg(long, value_name = "SCHEDULE", hide_short_help = true)]
    pub(super) concurrency_schedule: Option<String>,
}

/// The text of a rate: a plan keeps it as it was written.
fn rate(text: &str) -> Result<String, ParseRateError> {
    text.parse::<Rate>().map(|_| text.to_owned())
}
