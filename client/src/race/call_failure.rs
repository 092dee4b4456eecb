//! Why a call of a race has no answer, over either protocol.

use std::time::Duration;

use tonic::{Code, Status};

use crate::http1::HttpError;
use crate::race::outcome::CallEnd;
use longsync_connect::ConnectError;
use longsync_connect::status::code_name;

/// The most characters kept of a status message: there may be a million of them.
const MOST_CHARACTERS: usize = 500;

/// The part of a text that is kept, unescaped: it is escaped when it is shown.
pub(super) fn kept(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}... ({} bytes in all)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// Why a call has no answer.
pub(super) struct CallFailure {
    /// The status: the name of a gRPC code, or the number of an HTTP one.
    pub(super) status: String,
    pub(super) message: String,
}

impl CallFailure {
    /// The end of a call that failed at `done`.
    pub(super) fn at(self, done: Duration) -> CallEnd {
        CallEnd::Failed { done, status: self.status, message: self.message }
    }
}

impl From<Status> for CallFailure {
    fn from(status: Status) -> Self {
        Self { status: code_name(status.code()).to_owned(), message: kept(status.message()) }
    }
}

impl From<ConnectError> for CallFailure {
    fn from(error: ConnectError) -> Self {
        Self { status: code_name(Code::Unavailable).to_owned(), message: error.to_string() }
    }
}

impl From<HttpError> for CallFailure {
    fn from(error: HttpError) -> Self {
        let code = match error {
            HttpError::TooLong { .. } => Code::ResourceExhausted,
            HttpError::Connect(_) | HttpError::Http(_) | HttpError::CutShort => Code::Unavailable,
        };
        Self { status: code_name(code).to_owned(), message: error.to_string() }
    }
}
