//! The command line of `race`, which is also what runs with no command.

use std::path::PathBuf;
use std::time::Duration;

use longsync_behavior::{Behavior, Rules};
use longsync_client::race::{self, Protocol, RaceDelays, RacePlan, RacePlanError};
use longsync_connect::Target;
use longsync_text::TypedDuration;
use longsync_text::duration::LONGEST;

use super::{answer_bytes, bytes, count};

/// A way to make several calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum WayArg {
    /// One after another.
    Sequential,
    /// Each on its own OS thread.
    Threads,
    /// Each as an async task, on one thread.
    Tasks,
    /// All as messages of bidirectional streams.
    Exchange,
}

impl From<WayArg> for race::Way {
    fn from(way: WayArg) -> Self {
        match way {
            WayArg::Sequential => Self::Sequential,
            WayArg::Threads => Self::Threads,
            WayArg::Tasks => Self::Tasks,
            WayArg::Exchange => Self::Exchange,
        }
    }
}

/// Whether the threads of a race share connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ThreadConnectionsArg {
    /// All threads share one, so that threads and tasks differ in nothing else.
    Shared,
    /// Each thread has its own.
    Own,
}

impl From<ThreadConnectionsArg> for race::ThreadConnections {
    fn from(whose: ThreadConnectionsArg) -> Self {
        match whose {
            ThreadConnectionsArg::Shared => Self::Shared,
            ThreadConnectionsArg::Own => Self::Own,
        }
    }
}

#[derive(Debug, clap::Args)]
// A value that begins with a hyphen is still a value, perhaps a wrong one, and not an unknown flag.
#[command(mut_args(|arg| if arg.get_action().takes_values() { arg.allow_hyphen_values(true) } else { arg }))]
pub(crate) struct RaceArgs {
    /// How many calls each way makes.
    #[arg(short = 'n', long, value_name = "N", default_value = "8", value_parser = calls)]
    calls: usize,

    /// How long the server waits before it answers each call.
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = longsync_text::duration::parse)]
    delay: Duration,

    /// Spread the delays evenly between half and one and a half of --delay.
    #[arg(long)]
    jitter: bool,

    /// How the server behaves, such as 'lognormal(p50=200ms, p99=2s)', instead of --delay. A call has the
    /// same delay in each of the ways, except in an exchange. With faults, such as '50ms; fail(20%,
    /// UNAVAILABLE)', some calls fail as planned.
    #[arg(long, value_name = "BEHAVIOR", value_parser = behavior, conflicts_with_all = ["delay", "jitter"])]
    behavior: Option<RaceDelays>,

    /// The seed from which a server inside this process draws the delays of --behavior: the same seed gives
    /// the same delays [default: random].
    #[arg(long, value_name = "N", value_parser = super::whole_u64)]
    seed: Option<u64>,

    /// The ways to race, in the order in which they run [default: all of them].
    #[arg(long, value_enum, value_name = "WAY,...", value_delimiter = ',')]
    ways: Option<Vec<WayArg>>,

    /// The server to call, such as localhost:9000; without one, a server is started inside this process.
    #[arg(long, env = "LONGSYNC_URL", value_name = "URL")]
    pub(super) url: Option<Target>,

    /// Call `GET /long_sync` over HTTP/1.1, one connection per call, instead of gRPC; an exchange is then not
    /// possible.
    #[arg(long)]
    http: bool,

    /// Cancel each call this long after it was sent; a thread cannot be stopped while it waits.
    #[arg(long, value_name = "DURATION")]
    cancel_after: Option<TypedDuration>,

    /// Let each call fail this long after it was sent, if it has not ended; in an exchange, each stream. Calls
    /// which hang as planned need it.
    #[arg(short = 't', long, value_name = "DURATION", value_parser = super::request::deadline)]
    deadline: Option<TypedDuration>,

    /// How long the sequential way may take; the rest of its time is projected.
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    sequential_max: TypedDuration,

    /// Whether the threads share one connection or each has its own.
    #[arg(long, value_enum, value_name = "WHOSE", default_value_t = ThreadConnectionsArg::Shared)]
    thread_connections: ThreadConnectionsArg,

    /// Poll instead of sleeping for this long before a wait ends, such as 200us, at most 20ms: this makes the
    /// waits of a server inside this process and of --cancel-after more precise, and keeps up to one core per
    /// polling thread busy.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = super::spin)]
    spin: Duration,

    /// The maximum size of an answer in bytes; a larger one ends its call with `RESOURCE_EXHAUSTED`
    /// [default: 4 MiB].
    #[arg(long, value_name = "N", value_parser = answer_bytes)]
    max_answer_bytes: Option<u32>,

    /// Write the picture to a file, as SVG; `-` prints it on stdout instead of text.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Print JSON (schema longsync.race/v1) instead of a picture.
    #[arg(long)]
    pub(crate) json: bool,
}

impl RaceArgs {
    /// The plan of the race.
    ///
    /// # Errors
    /// If a way is named twice or impossible, or if nothing in this process would spin or be drawn.
    pub(crate) fn into_plan(self) -> Result<RacePlan, String> {
        let delays = match self.behavior {
            Some(drawn) => drawn,
            None if self.jitter => RaceDelays::Jittered(self.delay),
            None => RaceDelays::Constant(self.delay),
        };
        let mut plan = RacePlan::builder(self.calls, delays)
            .protocol(if self.http { Protocol::Http } else { Protocol::Grpc })
            .sequential_max(self.sequential_max)
            .thread_connections(self.thread_connections.into())
            .spin(self.spin);
        if let Some(seed) = self.seed {
            plan = plan.seed(seed);
        }
        if let Some(ways) = self.ways {
            plan = plan.ways(ways.into_iter().map(race::Way::from));
        }
        if let Some(target) = self.url {
            plan = plan.target(target);
        }
        if let Some(after) = self.cancel_after {
            plan = plan.cancel_after(after);
        }
        if let Some(deadline) = self.deadline {
            plan = plan.deadline(deadline);
        }
        if let Some(most) = self.max_answer_bytes {
            plan = plan.max_answer_bytes(bytes(most));
        }
        plan.build().map_err(|why| match why {
            RacePlanError::WayTwice { way } => {
                format!("--ways names {way} twice: name each way once")
            }
            RacePlanError::ExchangeOverHttp => {
                "an exchange is messages inside one stream, which HTTP/1.1 does not have: with --http, \
                 choose from sequential, threads and tasks"
                    .to_owned()
            }
            RacePlanError::NothingSpins => {
                "--spin is for waits in this process, and with --url or LONGSYNC_URL the server does all \
                 the waiting: start that server with --spin"
                    .to_owned()
            }
            RacePlanError::Behavior(_) => {
                "only a server itself may have a goaway or a drop, and with --url or LONGSYNC_URL the race \
                 sends its behavior with each call: leave it out, or leave --url out, and the server inside \
                 this process has it"
                    .to_owned()
            }
            RacePlanError::SeedElsewhere => {
                "--seed is for a server inside this process, and with --url or LONGSYNC_URL the server that \
                 is called draws the delays: start that server with --seed"
                    .to_owned()
            }
            RacePlanError::NothingDrawn => {
                "--seed is for drawing the delays of --behavior: give both or neither".to_owned()
            }
            RacePlanError::NoDeadline { clause, is_cancelled } => {
                let who = if is_cancelled { "threads, which are not cancelled," } else { "the race" };
                format!(
                    "{clause} leaves calls without an answer, and {who} would wait forever: give a \
                     --deadline, such as --deadline 2s"
                )
            }
            why => why.to_string(),
        })
    }
}

fn behavior(text: &str) -> Result<RaceDelays, String> {
    RaceDelays::drawn(text).map_err(|why| of_server(text).unwrap_or_else(|| why.to_string()))
}

/// Why a race cannot have this behavior, if a server can: the flag of the same name is that server's.
fn of_server(text: &str) -> Option<String> {
    let any_recording = |_: &str| Ok(vec![(1, 1)]);
    let behavior = Behavior::read(text, &Rules::server(LONGEST, &any_recording)).ok()?;
    let what = match (behavior.queue(), behavior.stall()) {
        (Some(_), _) => "queue",
        (None, Some(_)) => "stall",
        (None, None) => {
            return Some(
                "a replay belongs to a server, and a race asks for the delay of each call instead: leave it \
                 out, or start `longsync-server --behavior ...` with it and use `longsync-client load`"
                    .to_owned(),
            );
        }
    };
    Some(format!(
        "a {what} belongs to a server, and a race sends its behavior with each call: leave it out here, start \
         `longsync-server --behavior ...` with it, and give that server's address with --url"
    ))
}

fn calls(text: &str) -> Result<usize, String> {
    let calls = count(text).ok().and_then(|calls| usize::try_from(calls).ok());
    calls.filter(|calls| (1..=RacePlan::MOST_CALLS).contains(calls)).ok_or_else(|| {
        format!("write a whole number from 1 to {}, such as 10000 or 10k", RacePlan::MOST_CALLS)
    })
}
