//! How a run is judged.

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Judgment")]
pub(super) struct JudgmentArgs {
    /// The status codes that make a call good, by name or number [default: OK].
    #[arg(long, value_name = "CODE,...", value_delimiter = ',', hide_short_help = true)]
    pub(super) expect: Vec<String>,

    /// Exit with 99 unless this holds: 'p99<250ms', 'service.p99.9<1s', 'errors<0.1%', 'rate>900'; may be
    /// given several times.
    #[arg(long, value_name = "LIMIT")]
    pub(super) threshold: Vec<String>,

    /// Exit with 98 if the client was the bottleneck.
    #[arg(long)]
    pub(super) strict: bool,
}
