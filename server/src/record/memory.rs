//! Accounts for what a connection holds in memory, and for its share of what all connections may hold.

use std::sync::atomic::Ordering::Relaxed;

use super::{ConnectionRecord, subtract};

/// The most that a connection may hold in order to draw on the reserve, which is the last sixteenth of the
/// bytes that all connections together may hold.
const SMALL_BYTES: u64 = 64 * 1024;
const RESERVED_SHARE: u64 = 16;
/// The last quarter of the reserve is for connections that hold at most this much: otherwise, if the limit is
/// low, a few dozen connections that hold 64 KiB each would take up all of it.
const TINY_BYTES: u64 = 4 * 1024;
const TINY_SHARE: u64 = 4;

impl ConnectionRecord {
    /// Counts this many more bytes as held, if this connection holds less than is left for all. The last
    /// sixteenth, which is reserved for connections that hold little, does not count as left.
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

    /// Whether this many bytes, in addition to those held `before`, are within this connection's share.
    fn has_share(&self, before: u64, bytes: u64) -> bool {
        let reserve = self.worker.limits().max_buffered_bytes / RESERVED_SHARE;
        let left = self.worker.bytes_left();
        if before.saturating_add(bytes) <= SMALL_BYTES {
            return bytes <= left.saturating_sub(reserve / TINY_SHARE);
        }
        let left = left.saturating_sub(reserve);
        before < left && bytes <= left
    }

    /// Releases bytes that were held.
    pub(crate) fn release(&self, bytes: u64) {
        if bytes > 0 {
            subtract(&self.held_bytes, bytes);
            self.worker.give_bytes_back(bytes);
        }
    }
}
