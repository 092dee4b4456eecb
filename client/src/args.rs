//! The command line of `longsync-client`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use longsync_behavior::{Behavior, DEFAULT_MOST, NotABehavior, Rules};
use longsync_client::race::{self, Delays, NotARace, Protocol, RacePlan};
use longsync_client::single::{self, MOST_ROWS, NotACall, SinglePlan};
use longsync_connect::Target;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};

/// Shows what asynchronous calls over HTTP/2 do: with no command, races the same slow calls one after
/// another, on threads, as async tasks and inside one stream.
#[derive(Debug, Parser)]
#[command(
    name = "longsync-client",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) race: RaceArgs,

    /// When to use colours; `NO_COLOR` in the environment turns them off as well.
    #[arg(long, global = true, display_order = 100, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// A way to make several calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Way {
    /// One after another.
    Sequential,
    /// Each on an OS thread of its own.
    Threads,
    /// Each as an async task, on one thread.
    Tasks,
    /// All as messages of bidirectional streams.
    Exchange,
}

impl From<Way> for race::Way {
    fn from(way: Way) -> Self {
        match way {
            Way::Sequential => Self::Sequential,
            Way::Threads => Self::Threads,
            Way::Tasks => Self::Tasks,
            Way::Exchange => Self::Exchange,
        }
    }
}

/// Whose connections the threads of a race use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ThreadConnections {
    /// All threads share one: only thread against task differs.
    Shared,
    /// Each thread has its own.
    Own,
}

impl From<ThreadConnections> for race::ThreadConnections {
    fn from(whose: ThreadConnections) -> Self {
        match whose {
            ThreadConnections::Shared => Self::Shared,
            ThreadConnections::Own => Self::Own,
        }
    }
}

/// The kind of an RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// `LongSync`: one request, one answer.
    Unary,
    /// `LongSyncStream`: one request, `count` answers.
    Stream,
    /// `LongSyncCollect`: `count` requests, one answer.
    Collect,
    /// `LongSyncExchange`: `count` requests, an answer to each.
    Exchange,
}

impl From<Kind> for single::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Unary => Self::Unary,
            Kind::Stream => Self::Stream,
            Kind::Collect => Self::Collect,
            Kind::Exchange => Self::Exchange,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Race the same slow calls, made in several ways (what runs with no command).
    Race(RaceArgs),
    /// Make one call of any of the four kinds, and show where its time went.
    ///
    /// The server does the waiting: for a delay that ends more precisely, start it with --spin.
    Call(CallArgs),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
// A value that begins with a hyphen is a value, though perhaps a wrong one, and not an unknown flag.
#[command(mut_args(|arg| if arg.get_action().takes_values() { arg.allow_hyphen_values(true) } else { arg }))]
pub(crate) struct RaceArgs {
    /// How many calls each way makes.
    #[arg(long, value_name = "N", default_value = "8", value_parser = calls)]
    calls: usize,

    /// How long the server is to wait for each call.
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = longsync_text::duration::parse)]
    delay: Duration,

    /// Spread the delays evenly between half and one and a half of --delay.
    #[arg(long)]
    jitter: bool,

    /// How the server is to behave, such as 'lognormal(p50=200ms, p99=2s)', instead of --delay. A call has the
    /// same delay in each way, except as a message of an exchange.
    #[arg(long, value_name = "BEHAVIOR", value_parser = callers_behavior, conflicts_with_all = ["delay", "jitter"])]
    behavior: Option<Behavior>,

    /// What a server inside this process draws the delays of --behavior by: the same seed gives the same delays
    /// [default: random].
    #[arg(long, value_name = "N", value_parser = seed)]
    seed: Option<u64>,

    /// The ways, in the order in which they run [default: all of them].
    #[arg(long, value_enum, value_name = "WAY,...", value_delimiter = ',')]
    ways: Option<Vec<Way>>,

    /// The server to call; without one, a server is started inside this process.
    #[arg(long, value_name = "URL")]
    url: Option<Target>,

    /// Call `GET /long_sync` over HTTP/1.1, one connection per call, instead of gRPC; there is no exchange.
    #[arg(long)]
    http: bool,

    /// Cancel each call this long after it was sent; a thread cannot be cancelled.
    #[arg(long, value_name = "DURATION", value_parser = longsync_text::duration::parse)]
    cancel_after: Option<Duration>,

    /// How long the sequential way may take; what is left then is projected.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = longsync_text::duration::parse)]
    sequential_max: Duration,

    /// Whether the threads share a connection, or each has its own.
    #[arg(long, value_enum, value_name = "WHOSE", default_value_t = ThreadConnections::Shared)]
    thread_connections: ThreadConnections,

    /// For how long before a wait ends its thread polls instead of sleeping, such as 200us: the waits
    /// of a server inside this process and of --cancel-after end more precisely, and each such thread
    /// keeps its core busy all that time.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = longsync_text::duration::parse)]
    spin: Duration,

    /// How many bytes an answer may have at most; a larger one ends its call with `RESOURCE_EXHAUSTED`
    /// [default: 4 MiB].
    #[arg(long, value_name = "N", value_parser = whole)]
    max_answer_bytes: Option<u32>,

    /// Write the picture into a file, as SVG.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Print JSON (schema longsync.race/v1) instead of a picture.
    #[arg(long)]
    pub(crate) json: bool,
}

impl RaceArgs {
    /// What to race.
    ///
    /// # Errors
    /// When a way is named twice, or is impossible, or nothing would spin or be drawn here.
    pub(crate) fn into_plan(self) -> Result<RacePlan, String> {
        let delays = match self.behavior {
            Some(behavior) => Delays::Drawn { behavior, seed: None },
            None if self.jitter => Delays::Jittered(self.delay),
            None => Delays::Constant(self.delay),
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
        if let Some(most) = self.max_answer_bytes {
            plan = plan.max_answer_bytes(bytes(most));
        }
        plan.build().map_err(|why| match why {
            NotARace::WayTwice { way } => {
                format!("--ways names {way} twice: name each way once")
            }
            NotARace::ExchangeOverHttp => {
                "exchange has no HTTP/1.1 form, it is messages inside a stream: \
                 with --http, choose among sequential, threads and tasks"
                    .to_owned()
            }
            NotARace::NothingSpins => {
                "--spin is for waits of this process, and with --url the server does all the \
                 waiting: start that with --spin"
                    .to_owned()
            }
            NotARace::SeedElsewhere => {
                "--seed is for a server inside this process, and with --url its server draws: start \
                 that with --seed"
                    .to_owned()
            }
            NotARace::NothingDrawn => {
                "--seed is what the delays of --behavior are drawn by: give both, or neither".to_owned()
            }
            why => why.to_string(),
        })
    }
}

#[derive(Debug, clap::Args)]
// A value that begins with a hyphen is a value, though perhaps a wrong one, and not an unknown flag.
#[command(mut_args(|arg| if arg.get_action().takes_values() { arg.allow_hyphen_values(true) } else { arg }))]
pub(crate) struct CallArgs {
    /// The kind of RPC.
    #[arg(long, value_enum, value_name = "KIND", default_value = "unary")]
    kind: Kind,

    /// The server to call.
    #[arg(long, value_name = "URL", default_value_t = default_target())]
    url: Target,

    /// How long the server is to wait; without this and --behavior its own behavior decides.
    #[arg(long, value_name = "DURATION", value_parser = longsync_text::duration::parse, conflicts_with = "behavior")]
    delay: Option<Duration>,

    /// How the server is to behave.
    #[arg(long, value_name = "BEHAVIOR", default_value = "", hide_default_value = true)]
    behavior: String,

    /// How long the call may take [default: as long as its server lets it wait].
    #[arg(long, value_name = "DURATION", value_parser = longsync_text::duration::parse)]
    deadline: Option<Duration>,

    /// How many answers of a stream, how many requests of a collect or an exchange [default: 1].
    #[arg(long, value_name = "N", value_parser = whole)]
    count: Option<u32>,

    /// The payload of each request, as text.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    payload: String,

    /// Ask for the payload back in each answer.
    #[arg(long, conflicts_with = "response_bytes")]
    echo_payload: bool,

    /// Ask for a payload of this many zero bytes in each answer.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = whole)]
    response_bytes: u32,

    /// A name for the call, to find it in the server's log.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    call_id: String,

    /// How many bytes an answer may have at most; a larger one ends the call with `RESOURCE_EXHAUSTED`
    /// [default: 4 MiB and the payload that was asked for].
    #[arg(long, value_name = "N", value_parser = whole)]
    max_answer_bytes: Option<u32>,

    /// A request header, as `name:value`; may be given several times.
    #[arg(long, value_name = "NAME:VALUE", value_parser = metadata)]
    metadata: Vec<(AsciiMetadataKey, AsciiMetadataValue)>,

    /// Print JSON (schema longsync.call/v1) instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

impl CallArgs {
    /// What to call.
    ///
    /// # Errors
    /// When a count is given for a unary call, or a deadline twice.
    pub(crate) fn into_plan(self) -> Result<SinglePlan, String> {
        let mut metadata = MetadataMap::new();
        for (name, value) in self.metadata {
            metadata.append(name, value);
        }
        let mut plan = SinglePlan::builder(self.kind.into(), self.url)
            .behavior(self.behavior)
            .payload(self.payload)
            .echo_payload(self.echo_payload)
            .response_bytes(self.response_bytes)
            .call_id(self.call_id)
            .metadata(metadata)
            // A document has all answers, a table the first.
            .most_kept(if self.json { usize::MAX } else { MOST_ROWS });
        if let Some(delay) = self.delay {
            plan = plan.delay(delay);
        }
        if let Some(deadline) = self.deadline {
            plan = plan.deadline(deadline);
        }
        if let Some(count) = self.count {
            plan = plan.count(count);
        }
        if let Some(most) = self.max_answer_bytes {
            plan = plan.max_answer_bytes(bytes(most));
        }
        plan.build().map_err(|why| match why {
            NotACall::CountOfUnary => {
                "--count is for stream, collect and exchange: a unary call is one of each"
                    .to_owned()
            }
            NotACall::DeadlineTwice => {
                "--deadline is sent as grpc-timeout: give one of the two".to_owned()
            }
            why => why.to_string(),
        })
    }
}

fn default_target() -> Target {
    format!("http://{}", longsync::DEFAULT_ADDRESS)
        .parse()
        .expect("the default address is an address")
}

fn calls(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(calls @ 1..=RacePlan::MOST_CALLS) => Ok(calls),
        _ => Err(format!("write a number from 1 to {}", RacePlan::MOST_CALLS)),
    }
}

fn callers_behavior(text: &str) -> Result<Behavior, NotABehavior> {
    Behavior::read(text, &Rules::caller(DEFAULT_MOST))
}

fn seed(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "write a whole number from 0 to 18446744073709551615")
}

fn whole(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "write a whole number from 0 to 4294967295, without a unit")
}

fn bytes(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn metadata(text: &str) -> Result<(AsciiMetadataKey, AsciiMetadataValue), String> {
    let wrong =
        || format!("`{text}` is not a header: write name:value, such as x-longsync-behavior:250ms");
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let name = name.trim().to_ascii_lowercase();
    if name.ends_with("-bin") {
        return Err(format!("`{name}` would carry bytes: only text headers can be sent"));
    }
    // These are gRPC's own, and would be replaced without a word.
    let reserved = ["content-type", "te", "grpc-status", "grpc-message", "grpc-message-type"];
    if reserved.contains(&name.as_str()) {
        return Err(format!("gRPC itself sets `{name}`: give headers of other names"));
    }
    let name = AsciiMetadataKey::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
    let value = value.trim().parse().map_err(|_| wrong())?;
    Ok((name, value))
}
