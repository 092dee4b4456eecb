//! gRPC statuses: their names, their details, and the statuses that HTTP/2 errors become.

use std::io;

use h2::Reason;
use longsync::v1::Timing;
use longsync_text::said::{printable, quoted};
use longsync_text::{GrpcCode, in_words};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{StatusExt as _, pb};

/// A status code's name, as in gRPC's statuscodes.md.
pub fn code_name(code: Code) -> &'static str {
    named(code).name()
}

fn named(code: Code) -> GrpcCode {
    u8::try_from(i32::from(code)).ok().and_then(GrpcCode::new).unwrap_or(GrpcCode::UNKNOWN)
}

/// The status code with the same number.
pub(crate) fn code_of(code: GrpcCode) -> Code {
    Code::from_i32(code.number().into())
}

/// The name of the code in a message's failure: a failure with the code OK is not believed.
pub fn failure_name(code: i32) -> &'static str {
    match Code::from_i32(code) {
        Code::Ok => code_name(Code::Unknown),
        code => code_name(code),
    }
}

/// A longsync server's account of a call that failed.
pub fn timing(status: &Status) -> Option<Timing> {
    Timing::decode(encoded_timing(status)?.as_slice()).ok()
}

/// The clause of the planned fault that a longsync server names in its account of a call that failed. Bytes
/// that are not UTF-8 are replaced: the call has failed either way, and its fault should not go uncounted.
pub fn fault(status: &Status) -> Option<String> {
    let TimingFault { fault } = TimingFault::decode(encoded_timing(status)?.as_slice()).ok()?;
    (!fault.is_empty()).then(|| String::from_utf8_lossy(&fault).into_owned())
}

fn encoded_timing(status: &Status) -> Option<Vec<u8>> {
    let rich = pb::Status::decode(status.details()).ok()?;
    let mut details = rich.details.into_iter();
    let detail = details.find(|detail| detail.type_url == longsync::TIMING_TYPE_URL)?;
    Some(detail.value)
}

/// `Timing`, reduced to the clause of the fault.
#[derive(Clone, PartialEq, prost::Message)]
struct TimingFault {
    #[prost(bytes = "vec", tag = "12")]
    fault: Vec<u8>,
}

/// The field that a status reports as wrong.
pub fn wrong_field(status: &Status) -> Option<String> {
    let violation = status.get_details_bad_request()?.field_violations.into_iter().next()?;
    Some(violation.field)
}

/// Whether the server reports that it never processed a call: its stream is above the last one of a GOAWAY,
/// or was refused. Then the call may be made again (RFC 9113, 8.7).
pub fn is_unprocessed(error: &h2::Error) -> bool {
    // h2 reports a peer's GOAWAY only to the streams above the last one that it names.
    let is_refused = error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && is_refused
}

/// What refused a call before it was processed, in HTTP/2's words: `GOAWAY NO_ERROR`.
pub(crate) fn refusal(error: &h2::Error) -> String {
    let frame = if error.is_go_away() { "GOAWAY" } else { "RST_STREAM" };
    error.reason().map_or_else(
        || "the connection was closed".to_owned(),
        |reason| format!("{frame} {}", reason_name(reason)),
    )
}

/// The status of a call that an HTTP/2 error ended (gRPC's PROTOCOL-HTTP2.md, "Errors").
pub fn from_h2(error: &h2::Error) -> Status {
    let code = match error.reason() {
        Some(_) if error.is_go_away() => Code::Unavailable,
        Some(Reason::REFUSED_STREAM) | None => Code::Unavailable,
        Some(Reason::CANCEL) => Code::Cancelled,
        Some(Reason::ENHANCE_YOUR_CALM) => Code::ResourceExhausted,
        Some(Reason::INADEQUATE_SECURITY) => Code::PermissionDenied,
        Some(_) => Code::Internal,
    };
    Status::new(code, sentence(error))
}

/// The same for a call that may have begun, on a connection that, according to HTTP/2, was `lost` to another
/// error: a GOAWAY that arrived before the connection was closed explains why it was closed. A server that
/// has begun to answer is not believed when it reports that it never processed the call.
pub(crate) fn from_lost(error: &h2::Error, lost: Option<&h2::Error>) -> Status {
    let status = from_h2(error);
    if is_unprocessed(error) {
        let refusal = format!("{}{}", refusal(error), debug_data(error));
        let what = format!("the server refused the call after it had begun to answer: {refusal}");
        return Status::new(status.code(), what);
    }
    match lost {
        Some(lost) if error.is_io() && lost.is_go_away() && lost.is_remote() => {
            let after = format!("{}{}", refusal(lost), debug_data(lost));
            Status::new(status.code(), format!("{}, after {after}", status.message()))
        }
        _ => status,
    }
}

/// Whether the peer has closed the connection, between two frames or in the middle of one.
pub fn is_closed(error: &h2::Error) -> bool {
    // The frame reader below h2 has no other sign that a frame was incomplete.
    const IN_THE_MIDDLE: &str = "bytes remaining on stream";
    error.get_io().is_some_and(|io| match io.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => true,
        io::ErrorKind::Other => io.to_string() == IN_THE_MIDDLE,
        _ => false,
    })
}

/// What an HTTP/2 error did to a call, or to a connection.
pub(crate) fn sentence(error: &h2::Error) -> String {
    let Some(reason) = error.reason() else {
        return match error.get_io() {
            Some(io) if io.kind() == io::ErrorKind::ConnectionReset => {
                "the connection was reset before the call had ended".to_owned()
            }
            _ if is_closed(error) => {
                "the server closed the connection before the call had ended".to_owned()
            }
            Some(io) => format!("HTTP/2: {}", printable(&in_words(io))),
            None => format!("HTTP/2: {}", printable(&error.to_string())),
        };
    };
    let name = reason_name(reason);
    match (error.is_go_away(), error.is_remote()) {
        (true, true) => format!(
            "the server is closing the connection and did not process the call: GOAWAY {name}{}",
            debug_data(error)
        ),
        (true, false) => {
            format!("the server broke the rules of HTTP/2: {name}{}", debug_data(error))
        }
        (false, true) if reason == Reason::REFUSED_STREAM => {
            format!("the server did not process the call: RST_STREAM {name}")
        }
        (false, true) => format!("the server reset the call: RST_STREAM {name}"),
        (false, false) => {
            format!(
                "the answer broke the rules of HTTP/2, or its headers were too many or too large: {name}"
            )
        }
    }
}

/// As RFC 9113 names it; h2 knows no others.
fn reason_name(reason: Reason) -> String {
    let number = u32::from(reason);
    if number > u32::from(Reason::HTTP_1_1_REQUIRED) {
        return format!("with the code {number}");
    }
    format!("{reason:?}")
}

/// The debug data of a GOAWAY. h2 prints it as a byte-string literal, which is plain ASCII.
fn debug_data(error: &h2::Error) -> String {
    let shown = error.to_string();
    let said = shown.split_once(" (b\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
    said.map(|said| format!(", {}", quoted(said))).unwrap_or_default()
}
