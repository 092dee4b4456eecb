//! A slot for something that a connection has besides its calls: a stream of another service than our own,
//! which may last forever, or a health check that is answered although no memory is left. Each
//! connection has a limited number of slots.

use std::sync::Arc;

use crate::call::Call;
use crate::call::refusal::Refusal;
use crate::record::side::{MAX_SIDE_STREAMS, MAX_UNHELD_CHECKS};

/// A slot; given back on drop.
pub(super) struct SideSlot {
    call: Arc<Call>,
    is_stream: bool,
}

impl SideSlot {
    /// Takes a slot for a stream that costs this many bytes, which are held until its call ends.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn of_stream(call: Arc<Call>, bytes: u64) -> Result<Self, Refusal> {
        if !call.side().take_stream() {
            let why = format!(
                "a connection has at most {MAX_SIDE_STREAMS} streams of other services than longsync's: \
                 end one of them, or open another connection"
            );
            return Err(Refusal::fixed("streams of other services", why));
        }
        let slot = Self { call, is_stream: true };
        slot.call.hold(bytes)?;
        Ok(slot)
    }

    /// Takes a slot for a check for which no memory is left.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn of_check(call: Arc<Call>) -> Result<Self, Refusal> {
        if !call.side().take_unheld_check() {
            let why = format!(
                "while its memory is full, the server answers at most {MAX_UNHELD_CHECKS} checks per \
                 connection at a time: read their answers"
            );
            return Err(Refusal::fixed("health checks", why));
        }
        Ok(Self { call, is_stream: false })
    }
}

impl Drop for SideSlot {
    fn drop(&mut self) {
        if self.is_stream {
            self.call.side().give_back_stream();
        } else {
            self.call.side().give_back_unheld_check();
        }
    }
}
