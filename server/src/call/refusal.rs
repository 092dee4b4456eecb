//! Why a call is refused, and what would be accepted.

use std::time::Duration;

use longsync_text::duration::text;
use prost_types::Any;
use tonic::Code;
use tonic_types::pb::{BadRequest, QuotaFailure, bad_request, quota_failure};

/// The flag for the longest message.
const MAX_MESSAGE_BYTES: &str = "max-message-bytes";

/// Why a request is refused, and what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A field is wrong.
    Invalid {
        /// Its name: a field of the message, a header or a query parameter.
        field: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// One of the server's limits is reached.
    Exhausted {
        /// The name of the limit's flag.
        limit: &'static str,
        /// What exceeded it.
        why: String,
    },
    /// A message is longer than [`MAX_MESSAGE_BYTES`] allows, so that trying again does not help.
    TooLong(String),
    /// A limit that no flag changes is reached.
    Fixed {
        /// What is limited.
        limit: &'static str,
        /// What exceeded the limit, and what would be right.
        why: String,
    },
    /// The method takes one message, but the request has more.
    TooManyMessages,
    /// The method takes one message, but the request has none.
    NoMessage,
    /// The request ends in the middle of a message.
    CutShort,
    /// A message cannot be decoded as the one that its method takes, for this reason.
    NotAMessage(String),
    /// Its messages use an unsupported encoding.
    Encoding(String),
    /// It asks one of the services besides our own for something that does not exist.
    NotFound(String),
    /// It asks one of the services besides our own for this status.
    Asked {
        /// Its code.
        code: Code,
        /// Its message.
        message: String,
    },
    /// The client takes too long to send what it has begun.
    TooSlow {
        /// The time limit, without the time that is added for its bytes.
        limit: Duration,
        /// Whether the limit is on the request as a whole.
        is_one: bool,
    },
}

impl Refusal {
    pub(crate) fn invalid(field: &str, why: impl Into<String>) -> Self {
        Self::Invalid { field: field.to_owned(), why: why.into() }
    }

    pub(crate) fn fixed(limit: &'static str, why: String) -> Self {
        Self::Fixed { limit, why }
    }

    pub(crate) fn message_too_long(message_bytes: u32, limit: u32) -> Self {
        let why =
            format!("a message of {message_bytes} bytes is over this server's limit of {limit}");
        Self::TooLong(why)
    }

    pub(crate) fn too_many_in_flight(limit: u64) -> Self {
        Self::Exhausted {
            limit: "max-in-flight",
            why: format!("calls in flight have reached this server's limit of {limit}"),
        }
    }

    /// The same refusal, naming the message that it concerns.
    pub(crate) fn of_message(self, id: u64) -> Self {
        match self {
            Self::Invalid { field, why } => {
                Self::Invalid { field, why: format!("request {id}: {why}") }
            }
            other => other,
        }
    }

    /// The same refusal, if it is of this field, under the name that the caller gave it.
    pub(crate) fn renamed(self, name: &str, given: &str) -> Self {
        match self {
            Self::Invalid { field, why } if field == name => Self::invalid(given, why),
            other => other,
        }
    }

    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Invalid { .. } => Code::InvalidArgument,
            Self::Exhausted { .. } | Self::TooLong(_) | Self::Fixed { .. } => {
                Code::ResourceExhausted
            }
            // gRPC's statuscodes.md: "Request cardinality violation".
            Self::TooManyMessages | Self::NoMessage | Self::Encoding(_) => Code::Unimplemented,
            Self::CutShort | Self::NotAMessage(_) => Code::Internal,
            Self::NotFound(_) => Code::NotFound,
            Self::TooSlow { .. } => Code::DeadlineExceeded,
            Self::Asked { code, .. } => *code,
        }
    }

    /// The sentence: what was wrong, and what would be right.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Invalid { field, why } => format!("{field}: {why}"),
            Self::TooLong(why) => format!("{why} (--{MAX_MESSAGE_BYTES}): send less"),
            Self::Exhausted { limit, why } => {
                format!("{why} (--{limit}): try again with less, or later")
            }
            Self::Fixed { why, .. }
            | Self::Asked { message: why, .. }
            | Self::NotAMessage(why)
            | Self::Encoding(why)
            | Self::NotFound(why) => why.clone(),
            Self::TooManyMessages => {
                "the request has more than one message: this method takes exactly one".to_owned()
            }
            Self::NoMessage => {
                "the request has no message: this method takes exactly one".to_owned()
            }
            Self::CutShort => {
                "the request ends in the middle of a message: send all of it".to_owned()
            }
            Self::TooSlow { limit, is_one } => format!(
                "{} has taken longer than {} plus one second per 64 KiB of it \
                 (--message-timeout): send it faster",
                if *is_one { "the request, which has one message," } else { "a message" },
                text(*limit)
            ),
        }
    }

    /// The detail of its status, for programs.
    pub(crate) fn detail(&self) -> Option<Any> {
        Some(match self {
            Self::Invalid { field, why } => any(
                "google.rpc.BadRequest",
                &BadRequest {
                    field_violations: vec![bad_request::FieldViolation {
                        field: field.clone(),
                        description: why.clone(),
                        ..Default::default()
                    }],
                },
            ),
            Self::Exhausted { limit, why } | Self::Fixed { limit, why } => quota(limit, why),
            Self::TooLong(why) => quota(MAX_MESSAGE_BYTES, why),
            Self::TooManyMessages
            | Self::NoMessage
            | Self::CutShort
            | Self::NotAMessage(_)
            | Self::Encoding(_)
            | Self::NotFound(_)
            | Self::Asked { .. }
            | Self::TooSlow { .. } => return None,
        })
    }
}

fn quota(limit: &str, why: &str) -> Any {
    any(
        "google.rpc.QuotaFailure",
        &QuotaFailure {
            violations: vec![quota_failure::Violation {
                subject: limit.to_owned(),
                description: why.to_owned(),
                ..Default::default()
            }],
        },
    )
}

/// A detail of a status.
pub(super) fn any(name: &str, message: &impl prost::Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}
