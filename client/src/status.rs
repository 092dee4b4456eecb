//! gRPC statuses: their names, what is inside them, and what HTTP/2's errors become.

use h2::Reason;
use longsync::v1::Timing;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{StatusExt as _, pb};

/// A status code's name, as gRPC's statuscodes.md has it.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// What a server of ours saw of a call that failed.
pub(crate) fn timing(status: &Status) -> Option<Timing> {
    let rich = pb::Status::decode(status.details()).ok()?;
    let detail =
        rich.details.into_iter().find(|detail| detail.type_url == longsync::TIMING_TYPE_URL)?;
    Timing::decode(detail.value.as_slice()).ok()
}

/// The field that a status says is wrong.
pub(crate) fn wrong_field(status: &Status) -> Option<String> {
    let violation = status.get_details_bad_request()?.field_violations.into_iter().next()?;
    Some(violation.field)
}

/// The status of a call that ended by an error of HTTP/2 (gRPC's PROTOCOL-HTTP2.md, "Errors").
pub(crate) fn from_h2(error: &h2::Error) -> Status {
    let code = match error.reason() {
        Some(_) if error.is_go_away() => Code::Unavailable,
        Some(Reason::REFUSED_STREAM) | None => Code::Unavailable,
        Some(Reason::CANCEL) => Code::Cancelled,
        Some(Reason::ENHANCE_YOUR_CALM) => Code::ResourceExhausted,
        Some(Reason::INADEQUATE_SECURITY) => Code::PermissionDenied,
        Some(_) => Code::Internal,
    };
    Status::new(code, format!("HTTP/2: {error}"))
}
