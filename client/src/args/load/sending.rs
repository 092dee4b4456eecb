//! How calls are sent.

use std::num::{IntErrorKind, ParseIntError};
use std::time::Duration;

use longsync_client::load::{Auto, WrittenConnections};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How")]
pub(super) struct SendingArgs {
    /// How many connections are open; auto: one per worker, and one more whenever the streams of all are taken
    /// [default: one per worker].
    #[arg(long, value_name = "N|auto", value_parser = connections)]
    pub(super) connections: Option<WrittenConnections>,

    /// How many threads send [default: 1].
    #[arg(long, value_name = "N", value_parser = number, hide_short_help = true)]
    pub(super) workers: Option<usize>,

    /// For how long before each due time a worker polls instead of sleeping, such as 200us, at most 20ms: calls are sent
    /// to the microsecond, at the cost of one core per worker [default: 20us].
    #[arg(long, value_name = "DURATION", value_parser = crate::args::spin, hide_short_help = true)]
    pub(super) spin: Option<Duration>,

    /// How many calls of an open loop may be in flight; those that are due beyond it are counted and not sent
    /// [default: 1000000].
    #[arg(long, value_name = "N", value_parser = number, hide_short_help = true)]
    pub(super) max_in_flight: Option<usize>,
}

fn connections(text: &str) -> Result<WrittenConnections, String> {
    if text == "auto" {
        return Ok(WrittenConnections::Auto(Auto::Auto));
    }
    number(text).map(WrittenConnections::Fixed).map_err(|why| format!("{why}, or auto"))
}

/// How few and how many there may be is said of plans, wherever they are from.
fn number(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|why: ParseIntError| match why.kind() {
        IntErrorKind::PosOverflow => "write a smaller whole number",
        _ => "write a whole number",
    })
}
