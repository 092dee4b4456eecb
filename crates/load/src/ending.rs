//! How a call ended.

use std::borrow::Cow;
use std::io;

use h2::Reason;
use longsync_connect::Code;
use longsync_connect::status::{code_name, from_h2, is_closed};
use longsync_stats::{ServerWait, TransportFailure};
use longsync_text::said::printable;
use tonic::Status;

/// What is said of a call whose connection ended without a word.
static ABANDONED: &str = "the connection was closed before the call had ended";

/// What is said of a call that this side has ended.
static PASSED: &str = "the deadline has passed, and the server has said nothing";

/// What is said of an answer that its method cannot read.
static NOT_OF_ITS_METHOD: &str = "the answer's messages are not those of its method";

/// How a call ended, and what the server saw of it.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) code: Code,
    pub(crate) waits: Option<ServerWait>,
    /// What ended it, if that was the transport.
    pub(crate) broken: Option<TransportFailure>,
    /// What its server is called, if that was asked.
    pub(crate) server: Option<Box<str>>,
    said: FailureText,
}

/// What is said of a failure.
#[derive(Debug, Clone)]
enum FailureText {
    Nothing,
    /// Half as large as a text itself: every call that ends is moved with room for it.
    ByUs(&'static &'static str),
    ByStatus(Box<Status>),
}

impl Ending {
    /// For a call that was answered, by the server of this name, and ended well unless its answer is not one
    /// of its method.
    pub(crate) fn answered(
        read: Result<Option<ServerWait>, Code>,
        server: Option<Box<str>>,
    ) -> Self {
        match read {
            Ok(waits) => Self { waits, server, ..Self::of(Code::Ok, FailureText::Nothing) },
            Err(code) => Self::of(code, FailureText::ByUs(&NOT_OF_ITS_METHOD)),
        }
    }

    /// For a call that failed with this status, and about which the server says this.
    pub(crate) fn failed(status: Status, waits: Option<ServerWait>) -> Self {
        Self { waits, ..Self::of(status.code(), FailureText::ByStatus(Box::new(status))) }
    }

    /// For a call to which something answered that does not speak gRPC; this status stands for it.
    pub(crate) fn foreign(status: Status) -> Self {
        Self { broken: Some(TransportFailure::Protocol), ..Self::failed(status, None) }
    }

    /// For a call that HTTP/2 ended, or its connection.
    pub(crate) fn broken(error: &h2::Error) -> Self {
        let broken = Some(how(error));
        Self { broken, ..Self::failed(from_h2(error), None) }
    }

    /// For a call whose connection ended without a word.
    pub(crate) fn abandoned() -> Self {
        let broken = Some(TransportFailure::ConnectionClosed);
        Self { broken, ..Self::of(Code::Unavailable, FailureText::ByUs(&ABANDONED)) }
    }

    /// For a call that this side ended at its deadline.
    pub(crate) fn deadline() -> Self {
        Self::of(Code::DeadlineExceeded, FailureText::ByUs(&PASSED))
    }

    /// What is said of its failure, as it may be shown: of every call that did not end with OK.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match &self.said {
            FailureText::Nothing => None,
            FailureText::ByUs(text) => Some(Cow::Borrowed(text)),
            FailureText::ByStatus(status) if status.message().is_empty() => {
                Some(Cow::Owned(format!("{} without a message", code_name(self.code))))
            }
            FailureText::ByStatus(status) => Some(printable(status.message())),
        }
    }

    fn of(code: Code, said: FailureText) -> Self {
        Self { code, waits: None, broken: None, server: None, said }
    }
}

fn how(error: &h2::Error) -> TransportFailure {
    match (error.reason(), error.get_io().map(io::Error::kind)) {
        // h2 reports a peer's GOAWAY only to the streams above the last that it names.
        (Some(_), _) if error.is_go_away() && error.is_remote() => TransportFailure::GoAway,
        (Some(Reason::REFUSED_STREAM), _) if error.is_remote() => TransportFailure::RefusedStream,
        (Some(_), _) if error.is_remote() => TransportFailure::Reset,
        // What is neither the peer's nor the system's is a rule that h2 saw broken.
        (Some(_), _) | (None, None) => TransportFailure::Protocol,
        (None, Some(io::ErrorKind::ConnectionReset)) => TransportFailure::ConnectionReset,
        (None, Some(_)) if is_closed(error) => TransportFailure::ConnectionClosed,
        (None, Some(_)) => TransportFailure::Io,
    }
}
