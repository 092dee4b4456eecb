//! What the calls of a run send, and what is read of their answers.

use bytes::Bytes;
use http::uri::PathAndQuery;
use longsync_connect::Code;
use longsync_connect::answer::AnswerLimits;
use longsync_stats::ServerWait;
use tonic::Status;

/// The number of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallNumber {
    /// From 0, over all workers: of the calls that are recorded, or of those of the warm-up.
    pub number: u64,
    /// Whether it is one of the warm-up.
    pub is_warm_up: bool,
}

impl CallNumber {
    /// That of a call which is recorded.
    pub const fn recorded(number: u64) -> Self {
        Self { number, is_warm_up: false }
    }

    /// That of a call of the warm-up.
    pub const fn warm_up(number: u64) -> Self {
        Self { number, is_warm_up: true }
    }
}

/// What a run calls: a path, the messages of each call, and how an answer is read.
///
/// The engine is compiled for each method by itself, so none of this costs a call more than if it were
/// written into the engine.
pub trait Method: Send + Sync + 'static {
    /// What is kept of an answer while it comes.
    type Answer: std::fmt::Debug + Default + 'static;

    /// The same calls, sharing no memory with these that a call writes to: each worker has its own, so that
    /// no two cores write to one reference count.
    #[must_use]
    fn apart(&self) -> Self;

    /// The path of the RPC.
    fn path(&self) -> PathAndQuery;

    /// All messages of the call with this number, each behind [gRPC's prefix](longsync::frame::Prefix).
    fn messages(&self, call: CallNumber) -> Bytes;

    /// What an answer may be.
    fn limits(&self) -> AnswerLimits;

    /// A message of an answer has come, without its prefix.
    fn received(&self, answer: &mut Self::Answer, message: Bytes);

    /// What the server says of its wait in an answer that is whole, and ended well.
    ///
    /// # Errors
    /// The code with which the call counts if its messages are not those of this method.
    fn answered(&self, answer: Self::Answer) -> Result<Option<ServerWait>, Code>;

    /// The name of the server's machine, if an answer that is whole tells it. Only the first answer of each
    /// connection is asked.
    fn server(&self, answer: &Self::Answer) -> Option<String> {
        let _ = answer;
        None
    }

    /// What the server says of its wait in the status of a call that failed.
    fn failed(&self, status: &Status) -> Option<ServerWait> {
        let _ = status;
        None
    }
}
