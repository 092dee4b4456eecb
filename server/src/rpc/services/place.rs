//! A place for a stream of health or reflection, which is not counted as a call and may last for ever:
//! a connection has few of them, and each is held against the bytes that all may hold.

use std::future;
use std::sync::Arc;

use super::BoxAnswer;
use crate::call::Call;
use crate::call::refusal::{Cut, Refusal};
use crate::record::MAX_SIDE_STREAMS;

/// A place, until it is dropped. The bytes are held until its call ends.
pub(super) struct Place(Arc<Call>);

impl Place {
    /// The answer of a stream that costs this many bytes: what `serve` makes of its place, or the
    /// refusal when there is none.
    pub(super) fn answer(
        call: Arc<Call>,
        bytes: u64,
        serve: impl FnOnce(Self) -> BoxAnswer,
    ) -> BoxAnswer {
        match Self::take(&call, bytes) {
            Ok(()) => serve(Self(call)),
            Err(why) => refused(&call, why),
        }
    }

    /// A place for which no bytes are held, or the refusal.
    pub(super) fn without_bytes(call: &Arc<Call>) -> Result<Self, BoxAnswer> {
        match Self::take(call, 0) {
            Ok(()) => Ok(Self(Arc::clone(call))),
            Err(why) => Err(refused(call, why)),
        }
    }

    fn take(call: &Call, bytes: u64) -> Result<(), Refusal> {
        if !call.record().take_side_stream() {
            let why = format!(
                "a connection has at most {MAX_SIDE_STREAMS} streams of health and reflection: \
                 end one of them, or open another connection"
            );
            return Err(Refusal::fixed("streams of health and reflection", why));
        }
        call.hold(bytes).inspect_err(|_| call.record().give_back_side_stream())
    }

    pub(super) fn call(&self) -> &Call {
        &self.0
    }
}

fn refused(call: &Call, why: Refusal) -> BoxAnswer {
    call.cut(Cut::Refused(why));
    // What cut the call is its answer.
    Box::pin(future::pending())
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.record().give_back_side_stream();
    }
}
