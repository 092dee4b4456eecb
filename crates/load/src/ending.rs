//! How a call ended.

use longsync_connect::Code;
use longsync_connect::status::{from_h2, is_unseen};
use longsync_stats::Waits;

/// How a call ended, and what the server saw of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) code: Code,
    pub(crate) waits: Option<Waits>,
    /// Whether the server says that it never looked at it.
    pub(crate) is_refused: bool,
}

impl Ending {
    /// For a call that was answered, and ended well unless its answer is not one of its method.
    pub(crate) fn answered(read: Result<Option<Waits>, Code>) -> Self {
        match read {
            Ok(waits) => Self { waits, ..Self::of(Code::Ok) },
            Err(code) => Self::of(code),
        }
    }

    /// For a call that failed with this code, and about which the server says this.
    pub(crate) fn failed(code: Code, waits: Option<Waits>) -> Self {
        Self { waits, ..Self::of(code) }
    }

    /// For a call that HTTP/2 ended, or its connection, before the head of an answer.
    pub(crate) fn of_h2(error: &h2::Error) -> Self {
        Self { is_refused: is_unseen(error), ..Self::of(from_h2(error).code()) }
    }

    /// For a call that HTTP/2 ended, or its connection, when its answer had begun.
    pub(crate) fn broken(error: &h2::Error) -> Self {
        Self::of(from_h2(error).code())
    }

    /// For a call whose connection ended without a word.
    pub(crate) fn abandoned() -> Self {
        Self::of(Code::Unavailable)
    }

    /// For a call that this side ended at its deadline.
    pub(crate) fn deadline() -> Self {
        Self::of(Code::DeadlineExceeded)
    }

    fn of(code: Code) -> Self {
        Self { code, waits: None, is_refused: false }
    }
}
