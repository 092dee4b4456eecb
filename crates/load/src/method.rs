//! What the calls of a run send, and what is read of their answers.

use bytes::Bytes;
use http::uri::PathAndQuery;
use longsync_connect::Code;
use longsync_connect::answer::Limits;
use longsync_stats::Waits;
use tonic::Status;

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

    /// All messages of the call with this number (from 0, over all workers), each behind
    /// [gRPC's prefix](longsync::frame::Prefix).
    fn messages(&self, number: u64) -> Bytes;

    /// What an answer may be.
    fn limits(&self) -> Limits;

    /// A message of an answer has come, without its prefix.
    fn came(&self, answer: &mut Self::Answer, message: Bytes);

    /// What the server says of its wait in an answer that is whole, and ended well.
    ///
    /// # Errors
    /// The code with which the call counts if its messages are not those of this method.
    fn answered(&self, answer: Self::Answer) -> Result<Option<Waits>, Code>;

    /// What the server says of its wait in the status of a call that failed.
    fn failed(&self, status: &Status) -> Option<Waits> {
        let _ = status;
        None
    }
}
