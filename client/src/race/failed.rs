//! Why a call of a race has no answer, in whatever protocol it was made.

use tonic::{Code, Status};

use crate::dial::ConnectError;
use crate::http1::HttpError;
use crate::status::code_name;

/// Why a call has no answer.
pub(super) struct Failed {
    /// The status: of gRPC by its name, of HTTP by its number.
    pub(super) status: String,
    pub(super) message: String,
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        Self { status: code_name(status.code()).to_owned(), message: status.message().to_owned() }
    }
}

impl From<ConnectError> for Failed {
    fn from(error: ConnectError) -> Self {
        Self { status: code_name(Code::Unavailable).to_owned(), message: error.to_string() }
    }
}

impl From<HttpError> for Failed {
    fn from(error: HttpError) -> Self {
        Self { status: code_name(Code::Unavailable).to_owned(), message: error.to_string() }
    }
}
