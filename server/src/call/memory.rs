//! What a call holds in memory of its requests and answers.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use super::Call;
use crate::call::refusal::Refusal;
use crate::record::side::SideCounts;
use crate::record::{add, subtract};
use crate::shared::counters::CallKind;

/// How long a request to health or reflection may be: it holds only a name.
const MAX_NAME_BYTES: u32 = 1024;

impl Call {
    /// Holds this many more bytes of this call's requests or answers in memory.
    ///
    /// # Errors
    /// When its connection, or all calls together, would then hold more than they may; then these bytes
    /// are not held.
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
                 or this connection's part of it"
            ),
        })
    }

    /// Lets go of bytes that were held.
    pub(crate) fn release(&self, bytes: u64) {
        debug_assert!(bytes <= self.buffered_bytes.load(Ordering::Relaxed), "{bytes} are released");
        subtract(&self.buffered_bytes, bytes);
        self.record.release(bytes);
    }

    /// A message was taken, of which `kept` bytes stay in memory and `held` are held.
    ///
    /// # Errors
    /// When there is no room for them.
    pub(crate) fn keep(&self, kept: u64, held: u64) -> Result<(), Refusal> {
        self.hold(kept.saturating_sub(held))?;
        self.release(held.saturating_sub(kept));
        Ok(())
    }

    /// Makes room for an answer of this many bytes, of which the call holds `had` already. While there is
    /// none, and the connection has something that can go out as soon as its client reads, this waits.
    ///
    /// # Errors
    /// When there is no room and nothing will go out.
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

    /// How long a message of its request may be.
    pub(crate) fn max_message_bytes(&self) -> u32 {
        let limit = self.limits().max_message_bytes;
        if self.holds_requests() { limit } else { limit.min(MAX_NAME_BYTES) }
    }

    /// The refusal of a longer message of its request.
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

    /// Whether the bytes of its request are held. Those of other services are few: health checks are
    /// never refused for want of memory, and streams hold what they cost in all.
    pub(crate) fn holds_requests(&self) -> bool {
        self.kind.is_some()
    }

    /// Whether the bytes of its answers are held. Those of other services, and of HTTP, are few.
    pub(super) fn holds_answers(&self) -> bool {
        self.kind.is_some_and(|kind| kind != CallKind::Http)
    }
}

/// Places.
impl Call {
    /// What its connection has besides its calls.
    pub(crate) fn side(&self) -> &SideCounts {
        self.record.side()
    }

    /// Takes a further slot among the calls in flight, unless all are taken.
    #[must_use]
    pub(crate) fn take_slot(&self) -> bool {
        self.worker().take_slot()
    }

    /// Gives this many such slots back.
    pub(crate) fn give_slots_back(&self, slots: usize) {
        self.worker().give_slots_back(slots as u64);
    }
}
