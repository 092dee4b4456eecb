//! The flags for the request, which `call` and `load` have in common.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use longsync_behavior::{Behavior, ParseBehaviorError, Rules};
use longsync_client::request::{check_deadline, written_header, zeros};
use longsync_connect::Target;
use longsync_text::TypedDuration;
use longsync_text::duration::ParseDurationError;

use super::{answer_bytes, whole};
use crate::data;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct RequestArgs {
    /// The server to call, such as localhost:9000 [default: port 9000 on this machine].
    #[arg(long, env = "LONGSYNC_URL", value_name = "URL")]
    pub(super) url: Option<Target>,

    /// How long the server waits before it answers; without --delay or --behavior, its own behavior decides.
    #[arg(long, value_name = "DURATION", value_parser = longsync_text::duration::parse, conflicts_with = "behavior")]
    pub(super) delay: Option<Duration>,

    /// How the server behaves, such as 'lognormal(p50=20ms, p99=200ms)'.
    #[arg(long, value_name = "BEHAVIOR", value_parser = behavior)]
    pub(super) behavior: Option<String>,

    /// How long a call may take [default: as long as the server lets it].
    #[arg(short = 't', long, value_name = "DURATION", value_parser = deadline)]
    pub(super) deadline: Option<TypedDuration>,

    /// The payload of each request: text, `@FILE` for the content of a file, or `-` for stdin.
    #[arg(short = 'd', long, value_name = "TEXT|@FILE|-", hide_short_help = true)]
    pub(super) payload: Option<PayloadSource>,

    /// A payload of this many zero bytes in each request.
    #[arg(long, value_name = "N", value_parser = payload_bytes, conflicts_with = "payload", hide_short_help = true)]
    pub(super) payload_bytes: Option<u32>,

    /// Ask for the payload back in each answer.
    #[arg(long, conflicts_with = "response_bytes", hide_short_help = true)]
    pub(super) echo_payload: bool,

    /// Ask for a payload of this many zero bytes in each answer.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = whole, hide_short_help = true)]
    pub(super) response_bytes: u32,

    /// The maximum size of an answer in bytes; a larger one ends its call with `RESOURCE_EXHAUSTED` [default:
    /// 4 MiB plus the payload that was asked for].
    #[arg(long, value_name = "N", value_parser = answer_bytes, hide_short_help = true)]
    pub(super) max_answer_bytes: Option<u32>,

    /// A request header, as `name:value`; may be given several times.
    #[arg(short = 'H', long, value_name = "NAME:VALUE", value_parser = metadata, hide_short_help = true)]
    pub(super) metadata: Vec<(String, String)>,
}

/// The source of a payload. It is read last, once all other arguments are valid, because stdin may be slow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PayloadSource {
    /// This text.
    Text(String),
    /// This file.
    File(PathBuf),
    /// Stdin: `-`, or as curl (`@-`) and grpcurl (`@`) write it.
    Stdin,
}

impl PayloadSource {
    /// Its bytes.
    ///
    /// # Errors
    /// If it cannot be read or is too large: a sentence that says so.
    pub(super) fn read(self) -> Result<Vec<u8>, String> {
        let read = match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::File(path) => data::content(&path),
            Self::Stdin => data::stdin(),
        };
        read.map_err(|why| format!("--payload: {why}"))
    }
}

impl FromStr for PayloadSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "-" | "@-" | "@" => Self::Stdin,
            _ => match text.strip_prefix('@') {
                Some(path) => Self::File(path.into()),
                None => Self::Text(text.to_owned()),
            },
        })
    }
}

/// A server decides what is a behavior, but it takes an empty one for none, and that is rather a variable which
/// is not set.
fn behavior(text: &str) -> Result<String, ParseBehaviorError> {
    if text.trim().is_empty() {
        Behavior::read(text, &Rules::default())?;
    }
    Ok(text.to_owned())
}

pub(super) fn deadline(text: &str) -> Result<TypedDuration, String> {
    let time: TypedDuration = text.parse().map_err(|why: ParseDurationError| why.to_string())?;
    check_deadline(time.value()).map(|()| time)
}

fn payload_bytes(text: &str) -> Result<u32, String> {
    let bytes = whole(text)?;
    zeros(bytes).map(|_| bytes)
}

fn metadata(text: &str) -> Result<(String, String), String> {
    written_header(text).map(|(key, value)| {
        (key.to_string(), String::from_utf8_lossy(value.as_encoded_bytes()).into_owned())
    })
}
