//! The RPCs, one file each, and the other services.

mod collect;
mod draft;
mod exchange;
pub(crate) mod services;
mod stream;
pub(crate) mod unary;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::body::batches::MessageStream;
use crate::body::intake::Intake;
use crate::call::Call;
use crate::call::ending::Ending;
use crate::shared::counters::CallKind;

/// Resolves to the messages of an answer, or to how the call ends without any.
pub(crate) type BoxMessages = Pin<Box<dyn Future<Output = Result<MessageStream, Ending>> + Send>>;
/// The function that handles the calls of a method.
pub(crate) type Handler = fn(Arc<Call>, Intake) -> BoxMessages;

/// The handler for the calls of a kind. [`None`] for `LongSync`, whose calls have no separate future while
/// they wait, and for HTTP.
pub(crate) fn find(kind: CallKind) -> Option<Handler> {
    match kind {
        CallKind::LongSyncStream => Some(stream::answer),
        CallKind::LongSyncCollect => Some(collect::answer),
        CallKind::LongSyncExchange => Some(exchange::answer),
        CallKind::LongSync | CallKind::Http => None,
    }
}
