//! How calls are sent.

use std::num::{IntErrorKind, ParseIntError};
use std::time::Duration;

use longsync_client::load::{Auto, WrittenConnections};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Sending")]
pub(super) struct SendingArgs {
    /// The number of connections; auto opens one per worker, and one more whenever all their streams are in
    /// use [default: one per worker].
    #[arg(long, value_name = "N|auto", value_parser = connections)]
    pub(super) connections: Option<WrittenConnections>,

    /// The number of threads that send calls [default: 1].
    #[arg(long, value_name = "N", value_parser = number, hide_short_help = true)]
    pub(super) workers: Option<usize>,

    /// Poll instead of sleeping for this long before each due time, such as 200us, at most 20ms: this makes
    /// sending accurate to the microsecond, at the cost of up to one core per worker [default: 20us].
    #[arg(long, value_name = "DURATION", value_parser = crate::args::spin, hide_short_help = true)]
    pub(super) spin: Option<Duration>,

    /// The maximum number of calls in flight in an open loop; calls that are due beyond it are counted and
    /// not sent [default: 1000000].
    #[arg(long, value_name = "N", value_parser = number, hide_short_help = true)]
    pub(super) max_in_flight: Option<usize>,
}

fn connections(text: &str) -> Result<WrittenConnections, String> {
    if text == "auto" {
        return Ok(WrittenConnections::Auto(Auto::Auto));
    }
    number(text).map(WrittenConnections::Fixed).map_err(|why| format!("{why}, or auto"))
}

/// The limits are not checked here, but for all plans, whatever their source.
fn number(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|why: ParseIntError| match why.kind() {
        IntErrorKind::PosOverflow => "write a smaller whole number",
        _ => "write a whole number",
    })
}
