//! How a call ends: as a sentence, as a gRPC status, as an HTTP status, and as a counted outcome.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use longsync::v1::Timing;
use longsync_text::duration::text;
use prost::Message as _;
use prost_types::Any;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::call::refusal::Refusal;
use crate::shared::counters::Outcome;

/// How a call ends. The code that ends the call states it; it is never inferred from a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With its answer.
    Answered,
    /// Without an answer: the request is refused.
    Refused(Refusal),
    /// At its deadline, which was this long after its headers arrived.
    Deadline(Duration),
    /// At the end of a drain.
    Drained,
}

impl From<Refusal> for Ending {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Ending {
    /// The outcome as which a call that ends this way is counted.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Answered => Outcome::Answered,
            Self::Refused(_) => Outcome::Refused,
            Self::Deadline(_) => Outcome::DeadlineExceeded,
            Self::Drained => Outcome::Drained,
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Answered => Code::Ok,
            Self::Refused(refusal) => refusal.code(),
            Self::Deadline(_) => Code::DeadlineExceeded,
            Self::Drained => Code::Unavailable,
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Answered => String::new(),
            Self::Refused(refusal) => refusal.message(),
            Self::Deadline(timeout) => format!("the deadline of {} has passed", text(*timeout)),
            Self::Drained => {
                "the server is shutting down: call another server, or this one later".to_owned()
            }
        }
    }

    /// The status of a call that ends this way, with its timing and its refusal as details.
    pub(crate) fn status(&self, timing: &Timing) -> Status {
        let refusal = match self {
            Self::Answered => return Status::ok(""),
            Self::Refused(refusal) => Some(refusal),
            Self::Deadline(_) | Self::Drained => None,
        };
        let mut details = Vec::with_capacity(2);
        details.extend(refusal.and_then(Refusal::detail));
        details.push(timing_detail(timing));
        let mut status = with_details(self.code(), self.message(), details);
        if let Some(Refusal::Encoding(_)) = refusal {
            let accepted = MetadataValue::from_static("identity");
            status.metadata_mut().insert("grpc-accept-encoding", accepted);
        }
        status
    }

    /// The trailers of a call that was answered.
    pub(crate) fn ok() -> HeaderMap {
        let mut trailers = HeaderMap::with_capacity(1);
        trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
        trailers
    }

    /// The status of an HTTP answer that ends this way.
    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Self::Answered => StatusCode::OK,
            Self::Deadline(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Drained
            | Self::Refused(
                Refusal::Exhausted { .. } | Refusal::TooLong(_) | Refusal::Fixed { .. },
            ) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(_) => StatusCode::BAD_REQUEST,
        }
    }
}

fn timing_detail(timing: &Timing) -> Any {
    Any { type_url: longsync::TIMING_TYPE_URL.to_owned(), value: timing.encode_to_vec() }
}

fn with_details(code: Code, message: String, details: Vec<Any>) -> Status {
    let rich = tonic_types::pb::Status { code: code.into(), message: message.clone(), details };
    Status::with_details(code, message, Bytes::from(rich.encode_to_vec()))
}
