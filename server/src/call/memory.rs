//! Accounts for the bytes of its requests and answers that a call holds in memory.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use super::Call;
use crate::call::plan::behavior_bytes;
use crate::call::refusal::Refusal;
use crate::record::side::SideCounts;
use crate::record::{add, subtract};
use crate::shared::counters::CallKind;

/// The longest request to health or reflection, in bytes: it contains only a name.
const MAX_NAME_BYTES: u32 = 1024;

impl Call {
    /// Counts this many more bytes of this call's requests or answers as held in memory.
    ///
    /// # Errors
    /// If its connection, or all calls together, would hold more than they may; then these bytes are not
    /// counted.
    pub(crate) fn hold(&self, bytes: u64) -> Result<(), Refusal> {
        if bytes == 0 || self.record.hold(bytes) {
            add(&self.buffered_bytes, bytes);
            return Ok(());
        }
        let limit = self.limits().max_buffered_bytes;
        Err(Refusal::Exhausted {
            limit: "max-buffered-bytes",
            why: format!(
                "bytes held in memory have reached this server's limit of {limit}, \
                 or this connection's share of it"
            ),
        })
    }

    /// Releases bytes that were held.
    pub(crate) fn release(&self, bytes: u64) {
        debug_assert!(bytes <= self.buffered_bytes.load(Ordering::Relaxed), "{bytes} are released");
        subtract(&self.buffered_bytes, bytes);
        self.record.release(bytes);
    }

    /// Releases what was held for an answer that will never come: only the behaviors in its headers, and the
    /// one that was applied, stay in memory.
    pub(super) fn release_answer(&self) {
        let applied = self.state().applied.as_ref().map_or(0, behavior_bytes);
        let stays = self.header_bytes() + applied;
        self.release(self.buffered_bytes.load(Ordering::Relaxed).saturating_sub(stays));
    }

    /// Called when a message has been taken: `kept` of its bytes stay in memory, in place of the `held` bytes
    /// counted so far.
    ///
    /// # Errors
    /// If there is no room for them.
    pub(crate) fn keep(&self, kept: u64, held: u64) -> Result<(), Refusal> {
        self.hold(kept.saturating_sub(held))?;
        self.release(held.saturating_sub(kept));
        Ok(())
    }

    /// Makes room for an answer of this many bytes, `had` of which the call already holds. If there is no
    /// room, waits as long as the connection has something that can go out as soon as its client reads.
    ///
    /// # Errors
    /// If there is no room and nothing will go out.
    pub(crate) fn poll_room(
        &self,
        bytes: u64,
        had: u64,
        cx: &Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        if let Err(refusal) = self.hold(bytes.saturating_sub(had)) {
            let waits = self.record.wait_to_go(cx);
            return if waits { Poll::Pending } else { Poll::Ready(Err(refusal)) };
        }
        self.release(had.saturating_sub(bytes));
        self.record.answered(bytes);
        Poll::Ready(Ok(()))
    }

    /// The longest message that its request may contain, in bytes.
    pub(crate) fn max_message_bytes(&self) -> u32 {
        let limit = self.limits().max_message_bytes;
        if self.holds_requests() { limit } else { limit.min(MAX_NAME_BYTES) }
    }

    /// The refusal of a message that is longer.
    pub(crate) fn too_long(&self, message_bytes: u32) -> Refusal {
        let limit = self.max_message_bytes();
        if self.holds_requests() || limit < MAX_NAME_BYTES {
            return Refusal::message_too_long(message_bytes, limit);
        }
        Refusal::fixed(
            "health and reflection's request",
            format!(
                "a message of {message_bytes} bytes is over the limit of {limit} for health and \
                 reflection: send one name"
            ),
        )
    }

    /// Whether the bytes of its request are counted. Health and reflection need few: health checks are never
    /// refused for lack of memory, and streams hold their total cost from the start.
    pub(crate) fn holds_requests(&self) -> bool {
        self.kind.is_some() || self.is_interop.load(Ordering::Relaxed)
    }

    /// Whether the bytes of its answers are counted. Health, reflection and HTTP send few.
    pub(super) fn holds_answers(&self) -> bool {
        self.holds_requests() && self.kind != Some(CallKind::Http)
    }

    /// Notes that it is a call of gRPC's interop tests, whose messages may be as long as those of our own
    /// calls.
    pub(crate) fn is_of_interop(&self) {
        self.is_interop.store(true, Ordering::Relaxed);
    }
}

/// Slots among the calls in flight, and of its connection.
impl Call {
    /// The streams and checks that its connection has besides its calls.
    pub(crate) fn side(&self) -> &SideCounts {
        self.record.side()
    }

    /// Takes one more slot among the calls in flight, unless all are taken.
    #[must_use]
    pub(crate) fn take_slot(&self) -> bool {
        self.worker().take_slot()
    }

    /// Gives back this many of these slots.
    pub(crate) fn give_slots_back(&self, slots: usize) {
        self.worker().give_slots_back(slots as u64);
    }
}
