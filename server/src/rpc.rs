//! The four RPCs, one file each.

mod collect;
mod draft;
mod exchange;
pub(crate) mod services;
mod stream;
pub(crate) mod unary;

use tonic::Status;

use crate::call::Call;
use crate::call::refusal::{Cut, Refusal};
use crate::rpc::services::Handler;
use crate::shared::counters::Kind;

/// What handles the calls of a kind. [`None`]: those of `LongSync`, which have no future of their own
/// while they wait, and of HTTP.
pub(crate) fn find(kind: Kind) -> Option<Handler> {
    match kind {
        Kind::LongSyncStream => Some(stream::answer),
        Kind::LongSyncCollect => Some(collect::answer),
        Kind::LongSyncExchange => Some(exchange::answer),
        Kind::LongSync | Kind::Http => None,
    }
}

/// The status of a call that is refused.
fn refuse(call: &Call, why: Refusal) -> Status {
    Cut::Refused(why).status(&call.timing_at_end())
}
