//! Why a call of a race has no answer, over either protocol.

use std::time::Duration;

use longsync_behavior::FaultClause;
use longsync_text::duration::text;
use tonic::{Code, Status};

use crate::http1::HttpError;
use crate::race::kept_text::kept;
use crate::race::outcome::CallEnd;
use crate::race::reported_wait::ReportedWait;
use longsync_connect::ConnectError;
use longsync_connect::status::{code_name, timing};

/// Why a call has no answer.
pub(super) struct CallFailure {
    /// The status: the name of a gRPC code, or the number of an HTTP one.
    pub(super) status: String,
    pub(super) message: String,
    /// What the server reported of the call.
    pub(super) reported: Option<Box<ReportedWait>>,
}

impl CallFailure {
    /// A failure of which the server reported nothing.
    fn unreported(code: Code, message: String) -> Self {
        Self { status: code_name(code).to_owned(), message, reported: None }
    }

    /// A failure by the client's own deadline, in the words of the server for the same.
    pub(super) fn deadline(after: Duration) -> Self {
        Self::unreported(
            Code::DeadlineExceeded,
            format!("the deadline of {} has passed", text(after)),
        )
    }

    /// A message of a stream which ended without its answer, but well.
    pub(super) fn unanswered() -> Self {
        Self::unreported(Code::Unknown, "the stream ended without its answer".to_owned())
    }

    /// The same failure; this fault explains it if the server reported no other.
    pub(super) fn explained_by(mut self, fault: Option<&FaultClause>) -> Self {
        if let Some(fault) = fault {
            let reported = self.reported.get_or_insert_default();
            reported.fault.get_or_insert_with(|| fault.to_string().into());
        }
        self
    }

    /// The end of a call that failed at `done`.
    pub(super) fn at(self, done: Duration) -> CallEnd {
        let Self { status, message, reported } = self;
        CallEnd::Failed { done, status, message, reported }
    }
}

impl From<Status> for CallFailure {
    fn from(status: Status) -> Self {
        Self {
            status: code_name(status.code()).to_owned(),
            message: kept(status.message()),
            reported: ReportedWait::from(timing(&status).as_ref()).boxed(),
        }
    }
}

impl From<ConnectError> for CallFailure {
    fn from(error: ConnectError) -> Self {
        Self::unreported(Code::Unavailable, error.to_string())
    }
}

impl From<HttpError> for CallFailure {
    fn from(error: HttpError) -> Self {
        let code = match error {
            HttpError::TooLong { .. } => Code::ResourceExhausted,
            HttpError::Connect(_) | HttpError::Http(_) | HttpError::CutShort => Code::Unavailable,
        };
        Self::unreported(code, error.to_string())
    }
}
