//! What the calls of a run send, and what is read from their answers.

use bytes::Bytes;
use http::uri::PathAndQuery;
use longsync_connect::Code;
use longsync_connect::answer::AnswerLimits;
use longsync_stats::ServerWait;
use tonic::Status;

/// The number of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallNumber {
    /// From 0, over all workers: among the recorded calls, or among those of the warm-up.
    pub number: u64,
    /// Whether the call is part of the warm-up.
    pub is_warm_up: bool,
}

impl CallNumber {
    /// The number of a recorded call.
    pub const fn recorded(number: u64) -> Self {
        Self { number, is_warm_up: false }
    }

    /// The number of a call of the warm-up.
    pub const fn warm_up(number: u64) -> Self {
        Self { number, is_warm_up: true }
    }
}

/// What a run calls: a path, the messages of each call, and how an answer is read.
///
/// The engine is compiled separately for each method, so none of this costs a call more than if it were
/// written into the engine.
pub trait Method: Send + Sync + 'static {
    /// The part of an answer that is kept while it arrives.
    type Answer: std::fmt::Debug + Default + 'static;

    /// The same calls, sharing no memory that a call writes to: each worker has a copy of its own, so that no
    /// two cores write to the same reference count.
    #[must_use]
    fn apart(&self) -> Self;

    /// The path of the RPC.
    fn path(&self) -> PathAndQuery;

    /// All messages of the call with this number, each preceded by [gRPC's prefix](longsync::frame::Prefix).
    fn messages(&self, call: CallNumber) -> Bytes;

    /// The limits of an answer.
    fn limits(&self) -> AnswerLimits;

    /// Called with each message of an answer, without its prefix.
    fn received(&self, answer: &mut Self::Answer, message: Bytes);

    /// The server's account of its wait in an answer that is complete and ended well.
    ///
    /// # Errors
    /// The code with which the call counts, if its messages are not those of this method.
    fn answered(&self, answer: &Self::Answer) -> Result<Option<ServerWait>, Code>;

    /// The clause of the planned fault that hit a call which was answered nonetheless, if a complete answer
    /// contains it. Answers without waits and those with [`ServerWait::is_faulty`] are asked for it.
    fn fault(&self, answer: &Self::Answer) -> Option<String> {
        let _ = answer;
        None
    }

    /// The name of the server's machine, if a complete answer contains it. Only the first answer of each
    /// connection is asked for it.
    fn server(&self, answer: &Self::Answer) -> Option<String> {
        let _ = answer;
        None
    }

    /// The server's account of its wait in the status of a call that failed.
    fn failed(&self, status: &Status) -> Option<ServerWait> {
        let _ = status;
        None
    }
}
