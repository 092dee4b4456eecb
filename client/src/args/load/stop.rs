//! When a run stops.

use std::time::Duration;

use crate::args::count;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Stopping")]
pub(super) struct StopArgs {
    /// Stop after this many calls, such as 10k; with --duration, whichever comes first.
    #[arg(short = 'n', long, value_name = "N", value_parser = count)]
    pub(super) calls: Option<u64>,

    /// Stop after this time [default: 10s; with --calls, a schedule or a replay, when that ends].
    #[arg(short = 'z', long, value_name = "DURATION", value_parser = longsync_text::duration::parse)]
    pub(super) duration: Option<Duration>,

    /// Make calls for this long before any is recorded, at the rate at which the schedule begins.
    #[arg(long, value_name = "DURATION", value_parser = longsync_text::duration::parse)]
    pub(super) warm_up: Option<Duration>,

    /// How long calls that are still in flight after the last due time may take to end [default: 10s].
    #[arg(long, value_name = "DURATION", value_parser = longsync_text::duration::parse, hide_short_help = true)]
    pub(super) grace: Option<Duration>,

    /// End the run early, with exit code 99, when this holds over the last 10 s: 'p99>250ms', 'errors>5%'.
    #[arg(long, value_name = "LIMIT", hide_short_help = true)]
    pub(super) stop_when: Option<String>,
}
