//! How a call ends: as a sentence, as a gRPC status, as an HTTP status, and as a counted outcome.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use longsync::duration::to_proto;
use longsync::v1::Timing;
use longsync_behavior::{Failure, Fault, FaultClause, Pushback, Queue};
use longsync_text::duration::text;
use prost::Message as _;
use prost_types::Any;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Status};

use crate::call::refusal::{Refusal, any};
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
    /// At once, because this queue was full.
    Shed(Arc<Queue>),
    /// By this fault, which its behavior planned in place of an answer.
    Planned(Arc<FaultClause>),
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
            Self::Shed(_) => Outcome::Shed,
            Self::Planned(clause) => match clause.fault() {
                Fault::Reset(_) => Outcome::Reset,
                Fault::Hang => Outcome::Hung,
                Fault::GoAway(_) | Fault::Drop { .. } => Outcome::Dropped,
                _ => Outcome::Failed,
            },
        }
    }

    /// The planned error, if it ends with one. Any other planned fault has no status of its own.
    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Planned(clause) => match clause.fault() {
                Fault::Fail(failure) | Fault::FailFirst { failure, .. } => Some(failure),
                _ => None,
            },
            _ => None,
        }
    }

    /// When its client should try again, if that is planned.
    fn retry_info(&self) -> Option<Duration> {
        match self {
            Self::Shed(queue) => queue.retry_info(),
            _ => self.failure()?.retry_info(),
        }
    }

    /// Whether and when its client may try again, if that is planned.
    fn pushback(&self) -> Option<Pushback> {
        match self {
            Self::Shed(queue) => queue.pushback(),
            _ => self.failure()?.pushback(),
        }
    }

    /// Whether nothing follows it: it is a planned fault other than an error.
    pub(crate) fn leaves_no_status(&self) -> bool {
        self.planned().is_some() && self.failure().is_none()
    }

    /// The fault that ends the call, if one does.
    pub(crate) fn planned(&self) -> Option<&FaultClause> {
        match self {
            Self::Planned(clause) => Some(clause),
            _ => None,
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Answered => Code::Ok,
            Self::Refused(refusal) => refusal.code(),
            Self::Deadline(_) => Code::DeadlineExceeded,
            Self::Shed(_) => Code::ResourceExhausted,
            // A call that hangs ends with the drain.
            Self::Drained | Self::Planned(_) => {
                self.failure().map_or(Code::Unavailable, |failure| {
                    Code::from_i32(failure.grpc_code().number().into())
                })
            }
        }
    }

    pub(crate) fn message(&self) -> String {
        match self {
            Self::Answered => String::new(),
            Self::Refused(refusal) => refusal.message(),
            Self::Deadline(timeout) => format!("the deadline of {} has passed", text(*timeout)),
            Self::Shed(queue) => full(queue),
            Self::Drained | Self::Planned(_) => match self.failure() {
                Some(failure) => failure.message().to_owned(),
                None => {
                    "the server is shutting down: call another server, or this one later".to_owned()
                }
            },
        }
    }

    /// The status of a call that ends this way, with its timing and its refusal as details.
    pub(crate) fn status(&self, timing: &Timing) -> Status {
        let refusal = match self {
            Self::Answered => return Status::ok(""),
            Self::Refused(refusal) => Some(refusal),
            Self::Deadline(_) | Self::Drained | Self::Shed(_) | Self::Planned(_) => None,
        };
        let mut details = Vec::with_capacity(2);
        details.extend(refusal.and_then(Refusal::detail));
        details.extend(self.retry_info().map(retry_detail));
        details.push(timing_detail(timing));
        let mut status = with_details(self.code(), self.message(), details);
        if let Some(pushback) = self.pushback() {
            status.metadata_mut().insert("grpc-retry-pushback-ms", pushback_millis(pushback));
        }
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

    /// After how many seconds an HTTP client should try again, rounded up, if that is planned.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        let after = self.retry_info()?;
        Some(after.as_secs() + u64::from(after.subsec_nanos() > 0))
    }

    /// The status of an HTTP answer that ends this way.
    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Self::Answered => StatusCode::OK,
            Self::Deadline(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Shed(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Planned(_) => {
                let status =
                    self.failure().and_then(|it| StatusCode::from_u16(it.http_status()).ok());
                status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
            }
            Self::Drained
            | Self::Refused(
                Refusal::Exhausted { .. } | Refusal::TooLong(_) | Refusal::Fixed { .. },
            ) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// Why a call or message is refused by a full queue, and what to do.
pub(crate) fn full(queue: &Queue) -> String {
    // During a stall, workers may be free.
    let why = match queue.limit() {
        0 => "no worker can serve this call now, and none may stand".to_owned(),
        1 => "1 call stands, which is the limit".to_owned(),
        limit => format!("{limit} calls stand, which is the limit"),
    };
    format!("the queue is full: {why}; call less often, or later")
}

/// When the client should try again, as a detail of a status.
fn retry_detail(after: Duration) -> Any {
    let retry_delay = Some(to_proto(after));
    any("google.rpc.RetryInfo", &tonic_types::pb::RetryInfo { retry_delay })
}

/// In the form of gRFC A6: a negative number means never.
fn pushback_millis(pushback: Pushback) -> MetadataValue<Ascii> {
    match pushback {
        Pushback::AfterMs(millis) => MetadataValue::from(millis),
        _ => MetadataValue::from(-1),
    }
}

fn timing_detail(timing: &Timing) -> Any {
    Any { type_url: longsync::TIMING_TYPE_URL.to_owned(), value: timing.encode_to_vec() }
}

fn with_details(code: Code, message: String, details: Vec<Any>) -> Status {
    let rich = tonic_types::pb::Status { code: code.into(), message: message.clone(), details };
    Status::with_details(code, message, Bytes::from(rich.encode_to_vec()))
}
