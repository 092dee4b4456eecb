//! A place for a stream of health or reflection, which is not counted as a call and may last for ever:
//! a connection has few of them, and each is held against the bytes that all may hold.

use std::sync::Arc;

use crate::call::Call;
use crate::call::refusal::Refusal;
use crate::record::MAX_SIDE_STREAMS;

/// A place, until it is dropped. The bytes are held until its call ends.
pub(super) struct Place(Arc<Call>);

impl Place {
    /// A place for a stream that costs this many bytes.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn with_bytes(call: Arc<Call>, bytes: u64) -> Result<Self, Refusal> {
        Self::take(&call, bytes).map(|()| Self(call))
    }

    /// A place for which no bytes are held.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn without_bytes(call: Arc<Call>) -> Result<Self, Refusal> {
        Self::with_bytes(call, 0)
    }

    fn take(call: &Call, bytes: u64) -> Result<(), Refusal> {
        if !call.take_side_stream() {
            let why = format!(
                "a connection has at most {MAX_SIDE_STREAMS} streams of health and reflection: \
                 end one of them, or open another connection"
            );
            return Err(Refusal::fixed("streams of health and reflection", why));
        }
        call.hold(bytes).inspect_err(|_| call.give_back_side_stream())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.give_back_side_stream();
    }
}
