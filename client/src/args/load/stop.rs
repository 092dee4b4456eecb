//! When no further call is made.

use std::time::Duration;

use crate::args::count;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "When it stops")]
pub(super) struct StopArgs {
    /// After this many calls, such as 10k; with --duration, whichever comes first.
    #[arg(short = 'n', long, value_name = "N", value_parser = count)]
    pub(super) calls: Option<u64>,

    /// After this time [default: 10s, or with --calls, a schedule or a replay the end of those].
    #[arg(short = 'z', long, value_name = "DURATION", value_parser = longsync_text::duration::parse)]
    pub(super) duration: Option<Duration>,

    /// Make calls for this long before any is recorded, at the rate with which the schedule begins.
    #[arg(long, value_name = "DURATION", value_parser = longsync_text::duration::parse)]
    pub(super) warm_up: Option<Duration>,

    /// How long calls that are still open after the last due time may take to end [default: 10s].
    #[arg(long, value_name = "DURATION", value_parser = longsync_text::duration::parse, hide_short_help = true)]
    pub(super) grace: Option<Duration>,

    /// End the run early, with exit code 99, when this holds over the last 10 s: 'p99>250ms', 'errors>5%'.
    #[arg(long, value_name = "LIMIT", hide_short_help = true)]
    pub(super) stop_when: Option<String>,
}
