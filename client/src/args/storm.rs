//! The command line of `storm`.

use std::path::PathBuf;
use std::time::Duration;

use longsync_client::storm::{
    LoadShare, StormOptions, StormPlan, StormPlanError, StormWay, Trigger,
};
use longsync_text::duration::parse;

use super::whole;

/// A way of a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StormWayArg {
    /// Clients do not try again; the server goes on with abandoned calls, as in all ways but `free`.
    NoRetries,
    /// Clients try again at once, and the server drops abandoned calls.
    Free,
    /// Clients try again at once, and the server goes on with abandoned calls.
    Work,
    /// As `work`, with a limit on the calls that stand.
    Limit,
    /// As `work`, with exponential back-off and full jitter.
    Backoff,
    /// As `work`, with a retry budget of 10 %.
    Budget,
}

impl From<StormWayArg> for StormWay {
    fn from(way: StormWayArg) -> Self {
        match way {
            StormWayArg::NoRetries => Self::NoRetries,
            StormWayArg::Free => Self::Free,
            StormWayArg::Work => Self::Work,
            StormWayArg::Limit => Self::Limit,
            StormWayArg::Backoff => Self::BackOff,
            StormWayArg::Budget => Self::Budget,
        }
    }
}

#[derive(Debug, clap::Args)]
// A value that begins with a hyphen is still a value, perhaps a wrong one, and not an unknown flag.
#[command(mut_args(|arg| if arg.get_action().takes_values() { arg.allow_hyphen_values(true) } else { arg }))]
pub(crate) struct StormArgs {
    /// How much of the server's capacity first attempts take, such as 80%.
    #[arg(long, value_name = "PERCENT", default_value = "80%")]
    load: LoadShare,

    /// What happens to the server once: `stall` and how long no service begins.
    #[arg(long, value_name = "TRIGGER", default_value = "stall 1s")]
    trigger: Trigger,

    /// How long clients wait for each attempt before they give it up.
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = parse)]
    timeout: Duration,

    /// How many attempts a call has at most, the first one included.
    #[arg(long, value_name = "N", default_value = "4", value_parser = whole)]
    attempts: u32,

    /// How many calls the server serves at a time.
    #[arg(long, value_name = "N", default_value = "10", value_parser = whole)]
    workers: u32,

    /// How long a service takes on average; it is exponential.
    #[arg(long, value_name = "DURATION", default_value = "10ms", value_parser = parse)]
    service: Duration,

    /// How many calls may stand in the way `limit`; in the others, as many as come.
    #[arg(long, value_name = "N", default_value = "50", value_parser = whole)]
    limit: u32,

    /// The longest pause before a retry in the way `backoff`. Each is drawn evenly from zero up to 50 ms before the
    /// first retry, and up to twice as long before each further one.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse)]
    backoff_max: Duration,

    /// How long each way runs after the trigger, in whole seconds; before it, each runs for 4 s, or for
    /// longer if services are so long that the server settles later.
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = parse)]
    duration: Duration,

    /// The ways, in the order in which they run [default: all of them].
    #[arg(long, value_enum, value_name = "WAY,...", value_delimiter = ',')]
    ways: Option<Vec<StormWayArg>>,

    /// The seed of arrivals, services and back-off [default: random].
    #[arg(long, value_name = "N", value_parser = super::whole_u64)]
    seed: Option<u64>,

    /// Write the picture to a file, as SVG; `-` prints it on stdout instead of text.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Print JSON (schema longsync.storm/v1) instead of a picture.
    #[arg(long)]
    pub(crate) json: bool,
}

impl StormArgs {
    /// The plan of the storm.
    ///
    /// # Errors
    /// If the values contradict one another or are out of range.
    pub(crate) fn into_plan(self) -> Result<StormPlan, String> {
        let defaults = StormOptions::default();
        let ways = self.ways.map(|ways| ways.into_iter().map(StormWay::from).collect());
        let plan = StormPlan::new(StormOptions {
            ways: ways.unwrap_or(defaults.ways),
            workers: self.workers,
            service: self.service,
            load: self.load,
            trigger: self.trigger,
            timeout: self.timeout,
            attempts: self.attempts,
            limit: self.limit,
            backoff_max: self.backoff_max,
            before: defaults.before,
            duration: self.duration,
            seed: self.seed,
        });
        plan.map_err(|why| match why {
            StormPlanError::WayTwice { way } => {
                format!("--ways names {way} twice: name each way once")
            }
            why => why.to_string(),
        })
    }
}
