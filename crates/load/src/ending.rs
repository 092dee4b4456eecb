//! How a call ended.

use h2::Reason;
use longsync_connect::Code;
use longsync_connect::status::from_h2;
use longsync_stats::{Broken, Waits};
use tonic::Status;

/// How a call ended, and what the server saw of it.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    pub(crate) code: Code,
    pub(crate) waits: Option<Waits>,
    /// What ended it, if that was the transport.
    pub(crate) broken: Option<Broken>,
    /// What was said of its failure.
    status: Option<Box<Status>>,
}

impl Ending {
    /// For a call that was answered, and ended well unless its answer is not one of its method.
    pub(crate) fn answered(read: Result<Option<Waits>, Code>) -> Self {
        match read {
            Ok(waits) => Self { waits, ..Self::of(Code::Ok) },
            Err(code) => Self::of(code),
        }
    }

    /// For a call that failed with this status, and about which the server says this.
    pub(crate) fn failed(status: Status, waits: Option<Waits>) -> Self {
        Self { waits, status: Some(Box::new(status)), ..Self::of(Code::Unknown) }.with_code()
    }

    /// For a call that HTTP/2 ended, or its connection.
    pub(crate) fn broken(error: &h2::Error) -> Self {
        let broken = Some(how(error));
        Self { broken, ..Self::failed(from_h2(error), None) }
    }

    /// For a call whose connection ended without a word.
    pub(crate) fn abandoned() -> Self {
        Self { broken: Some(Broken::ConnectionClosed), ..Self::of(Code::Unavailable) }
    }

    /// For a call that this side ended at its deadline.
    pub(crate) fn deadline() -> Self {
        Self::of(Code::DeadlineExceeded)
    }

    /// What was said of its failure.
    pub(crate) fn text(&self) -> Option<&str> {
        self.status.as_deref().map(Status::message)
    }

    fn with_code(self) -> Self {
        let code = self.status.as_deref().map_or(self.code, Status::code);
        Self { code, ..self }
    }

    fn of(code: Code) -> Self {
        Self { code, waits: None, broken: None, status: None }
    }
}

fn how(error: &h2::Error) -> Broken {
    match error.reason() {
        Some(_) if error.is_go_away() && error.is_remote() => Broken::GoAway,
        Some(Reason::REFUSED_STREAM) => Broken::RefusedStream,
        Some(_) if error.is_remote() => Broken::Reset,
        Some(_) => Broken::Protocol,
        None => Broken::Io,
    }
}
