//! How a call ended.

use std::borrow::Cow;
use std::io;

use h2::Reason;
use longsync_connect::Code;
use longsync_connect::status::{self, code_name, from_h2, is_closed};
use longsync_stats::{ServerWait, TransportFailure};
use longsync_text::said::printable;
use tonic::Status;

/// The text for a call whose connection ended without an error.
static ABANDONED: &str = "the connection was closed before the call had ended";

/// The text for a call that this client has ended.
static PASSED: &str = "the deadline has passed, and the server has not answered";

/// The text for an answer that its method cannot read.
static NOT_OF_ITS_METHOD: &str = "the answer's messages are not those of the method";

/// How a call ended, and the server's account of it.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) code: Code,
    pub(crate) waits: Option<ServerWait>,
    /// The failure of the transport that ended it, if one did.
    pub(crate) broken: Option<TransportFailure>,
    /// The server's name, if it was asked for.
    pub(crate) server: Option<Box<str>>,
    text: FailureText,
}

/// The text of a failure.
#[derive(Debug, Clone)]
enum FailureText {
    Nothing,
    /// Half the size of a `&str`: every call that ends is moved together with this field.
    ByUs(&'static &'static str),
    ByStatus(Box<Status>),
    /// None: the call was answered, but a planned fault hit it.
    Planned(Box<PlannedFault>),
}

/// The clause of a planned fault.
#[derive(Debug, Clone)]
struct PlannedFault(String);

impl Ending {
    /// A call that was answered, by the server of this name, and ended well unless the answer is not one of
    /// its method. `fault` is the planned fault that hit it, if one did.
    pub(crate) fn answered(
        read: Result<Option<ServerWait>, Code>,
        server: Option<Box<str>>,
        fault: Option<String>,
    ) -> Self {
        let text = fault.map_or(FailureText::Nothing, |fault| {
            FailureText::Planned(Box::new(PlannedFault(fault)))
        });
        match read {
            Ok(waits) => Self { waits, server, ..Self::of(Code::Ok, text) },
            Err(code) => Self::of(code, FailureText::ByUs(&NOT_OF_ITS_METHOD)),
        }
    }

    /// A call that failed with this status and this server account of its wait.
    pub(crate) fn failed(status: Status, waits: Option<ServerWait>) -> Self {
        Self { waits, ..Self::of(status.code(), FailureText::ByStatus(Box::new(status))) }
    }

    /// A call that was answered by a program which does not speak gRPC; this status stands for the answer.
    pub(crate) fn foreign(status: Status) -> Self {
        Self { broken: Some(TransportFailure::Protocol), ..Self::failed(status, None) }
    }

    /// A call that HTTP/2 ended, or whose connection it ended.
    pub(crate) fn broken(error: &h2::Error) -> Self {
        let broken = Some(how(error));
        Self { broken, ..Self::failed(from_h2(error), None) }
    }

    /// A call whose connection ended without an error.
    pub(crate) fn abandoned() -> Self {
        let broken = Some(TransportFailure::ConnectionClosed);
        Self { broken, ..Self::of(Code::Unavailable, FailureText::ByUs(&ABANDONED)) }
    }

    /// A call that this client ended at its deadline.
    pub(crate) fn deadline() -> Self {
        Self::of(Code::DeadlineExceeded, FailureText::ByUs(&PASSED))
    }

    /// The text of the failure, escaped for display: for every call that did not end with OK.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match &self.text {
            FailureText::Nothing | FailureText::Planned(_) => None,
            FailureText::ByUs(text) => Some(Cow::Borrowed(text)),
            FailureText::ByStatus(status) if status.message().is_empty() => {
                Some(Cow::Owned(format!("{} without a message", code_name(self.code))))
            }
            FailureText::ByStatus(status) => Some(printable(status.message())),
        }
    }

    /// The clause of the planned fault that hit the call, as far as the server reports it, escaped for display.
    pub(crate) fn fault(&self) -> Option<Cow<'_, str>> {
        match &self.text {
            FailureText::Nothing | FailureText::ByUs(_) => None,
            FailureText::Planned(fault) => Some(printable(&fault.0)),
            FailureText::ByStatus(status) => {
                Some(Cow::Owned(printable(&status::fault(status)?).into_owned()))
            }
        }
    }

    fn of(code: Code, text: FailureText) -> Self {
        Self { code, waits: None, broken: None, server: None, text }
    }
}

fn how(error: &h2::Error) -> TransportFailure {
    match (error.reason(), error.get_io().map(io::Error::kind)) {
        // h2 reports a peer's GOAWAY only to the streams above the last one that it names.
        (Some(_), _) if error.is_go_away() && error.is_remote() => TransportFailure::GoAway,
        (Some(Reason::REFUSED_STREAM), _) if error.is_remote() => TransportFailure::RefusedStream,
        (Some(_), _) if error.is_remote() => TransportFailure::Reset,
        // An error that is neither the peer's nor the system's is a violation that h2 detected.
        (Some(_), _) | (None, None) => TransportFailure::Protocol,
        (None, Some(io::ErrorKind::ConnectionReset)) => TransportFailure::ConnectionReset,
        (None, Some(_)) if is_closed(error) => TransportFailure::ConnectionClosed,
        (None, Some(_)) => TransportFailure::Io,
    }
}
