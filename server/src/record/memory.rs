//! What a connection holds in memory, and its share of what all may hold.

use std::sync::atomic::Ordering::Relaxed;

use super::{ConnectionRecord, subtract};

/// How much a connection may hold and still draw on the reserve: the last sixteenth of the bytes that
/// all connections together may hold.
const SMALL_BYTES: u64 = 64 * 1024;
const RESERVED_SHARE: u64 = 16;
/// And the last quarter of that for those that hold at most this: otherwise a few dozen connections which
/// hold 64 KiB each would have all of it if the limit is low.
const TINY_BYTES: u64 = 4 * 1024;
const TINY_SHARE: u64 = 4;

impl ConnectionRecord {
    /// Holds this many more bytes, if this connection holds less than is left for all. What is left does
    /// not include the last sixteenth, which is kept for connections that hold little.
    #[must_use]
    pub(crate) fn hold(&self, bytes: u64) -> bool {
        let before = self.held_bytes.load(Relaxed);
        let held = before.saturating_add(bytes);
        if held > TINY_BYTES && !self.has_share(before, bytes) {
            return false;
        }
        let is_held = self.worker.take_bytes(bytes);
        if is_held {
            self.held_bytes.store(held, Relaxed);
        }
        is_held
    }

    /// Whether this many bytes, beyond those held `before`, are within this connection's part.
    fn has_share(&self, before: u64, bytes: u64) -> bool {
        let reserve = self.worker.limits().max_buffered_bytes / RESERVED_SHARE;
        let left = self.worker.bytes_left();
        if before.saturating_add(bytes) <= SMALL_BYTES {
            return bytes <= left.saturating_sub(reserve / TINY_SHARE);
        }
        let left = left.saturating_sub(reserve);
        before < left && bytes <= left
    }

    /// Lets go of bytes that were held.
    pub(crate) fn release(&self, bytes: u64) {
        if bytes > 0 {
            subtract(&self.held_bytes, bytes);
            self.worker.give_bytes_back(bytes);
        }
    }
}
