//! The command line of `call`.

use std::time::Duration;

use longsync_client::single::{self, MOST_ROWS, NotACall, SinglePlan};
use longsync_connect::Target;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};

use super::{bytes, whole};

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
