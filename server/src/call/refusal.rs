//! Why a call ends before its answer, in words, as a gRPC status and as an HTTP status.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use longsync::v1::Timing;
use longsync_text::duration::text;
use prost::Message as _;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb::{BadRequest, QuotaFailure, bad_request, quota_failure};

use crate::shared::counters::Outcome;

/// A request that is not served, and what would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A field is wrong.
    Invalid {
        /// Which: a field of the message, a header, a query parameter.
        field: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// A limit of the server is reached.
    Exhausted {
        /// Which, as its flag is called.
        limit: &'static str,
        /// What asked for more than it.
        why: String,
    },
    /// A limit is reached that no flag moves.
    Fixed {
        /// Of what.
        limit: &'static str,
        /// What asked for more than it, and what would be right.
        why: String,
    },
    /// There is to be one message, and the request has more.
    TooManyMessages,
    /// There is to be one message, and the request has none.
    NoMessage,
    /// The request ends in the middle of a message.
    CutShort,
    /// What the client began to send takes too long.
    TooSlow {
        /// How long it may take, without what its bytes are worth.
        limit: Duration,
        /// Whether it is the request as a whole.
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
        Self::Exhausted {
            limit: "max-message-bytes",
            why: format!(
                "a message of {message_bytes} bytes is over this server's limit of {limit}"
            ),
        }
    }

    pub(crate) fn too_many_in_flight(limit: u64) -> Self {
        Self::Exhausted {
            limit: "max-in-flight",
            why: format!("calls in flight have reached this server's limit of {limit}"),
        }
    }

    /// The same refusal, with the message that it is about.
    pub(crate) fn of_message(self, id: u64) -> Self {
        match self {
            Self::Invalid { field, why } => {
                Self::Invalid { field, why: format!("request {id}: {why}") }
            }
            other => other,
        }
    }

    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Invalid { .. } => Code::InvalidArgument,
            Self::Exhausted { .. } | Self::Fixed { .. } => Code::ResourceExhausted,
            // gRPC's statuscodes.md: "Request cardinality violation".
            Self::TooManyMessages | Self::NoMessage => Code::Unimplemented,
            Self::CutShort => Code::Internal,
            Self::TooSlow { .. } => Code::DeadlineExceeded,
        }
    }

    /// The sentence: what was wrong, and what would be right.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Invalid { field, why } => format!("{field}: {why}"),
            Self::Exhausted { limit, why } => {
                format!("{why} (--{limit}): try again with less, or later")
            }
            Self::Fixed { why, .. } => why.clone(),
            Self::TooManyMessages => {
                "the request goes on behind its message: this method takes exactly one".to_owned()
            }
            Self::NoMessage => {
                "the request has no message: this method takes exactly one".to_owned()
            }
            Self::CutShort => {
                "the request ends in the middle of a message: send the whole of it".to_owned()
            }
            Self::TooSlow { limit, is_one } => format!(
                "{} has taken longer than {} plus a second for each 64 KiB of it \
                 (--message-timeout): send it faster",
                if *is_one { "the request, which has one message," } else { "a message" },
                text(*limit)
            ),
        }
    }

    fn detail(&self) -> Option<Any> {
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
            Self::Exhausted { limit, why } | Self::Fixed { limit, why } => any(
                "google.rpc.QuotaFailure",
                &QuotaFailure {
                    violations: vec![quota_failure::Violation {
                        subject: (*limit).to_owned(),
                        description: why.clone(),
                        ..Default::default()
                    }],
                },
            ),
            Self::TooManyMessages | Self::NoMessage | Self::CutShort | Self::TooSlow { .. } => {
                return None;
            }
        })
    }
}

/// What ended a call before its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its deadline.
    Deadline(Duration),
    /// The end of the drain.
    Drain,
    /// A refusal.
    Refused(Refusal),
}

impl Cut {
    fn code(&self) -> Code {
        match self {
            Self::Deadline(_) => Code::DeadlineExceeded,
            Self::Drain => Code::Unavailable,
            Self::Refused(refusal) => refusal.code(),
        }
    }

    /// How a call counts that ends so.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Deadline(_) => Outcome::DeadlineExceeded,
            Self::Drain => Outcome::Drained,
            Self::Refused(_) => Outcome::Refused,
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Deadline(timeout) => format!("the deadline of {} is over", text(*timeout)),
            Self::Drain => {
                "the server is shutting down: call another, or this one later".to_owned()
            }
            Self::Refused(refusal) => refusal.message(),
        }
    }

    /// The status of a call that ends so, with all there is to say in its details.
    pub(crate) fn status(&self, timing: &Timing) -> Status {
        let mut details = Vec::with_capacity(2);
        if let Self::Refused(refusal) = self {
            details.extend(refusal.detail());
        }
        details.push(timing_detail(timing));
        with_details(self.code(), self.message(), details)
    }

    /// The status of an HTTP answer that ends so.
    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Self::Deadline(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Drain | Self::Refused(Refusal::Exhausted { .. } | Refusal::Fixed { .. }) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Refused(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// Adds the timing to a status that another made, unless it has details already.
pub(crate) fn add_timing(status: Status, timing: &Timing) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    with_details(status.code(), status.message().to_owned(), vec![timing_detail(timing)])
}

fn timing_detail(timing: &Timing) -> Any {
    Any { type_url: longsync::TIMING_TYPE_URL.to_owned(), value: timing.encode_to_vec() }
}

fn any(name: &str, message: &impl prost::Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}

fn with_details(code: Code, message: String, details: Vec<Any>) -> Status {
    let rich = tonic_types::pb::Status { code: code.into(), message: message.clone(), details };
    Status::with_details(code, message, Bytes::from(rich.encode_to_vec()))
}
