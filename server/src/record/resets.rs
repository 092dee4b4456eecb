//! Counts the streams that HTTP/2 resets because of what the client sent (made-you-reset, CVE-2025-8671).
//!
//! h2 has a limit of its own, but it also counts the frames that a client sends on a stream before it learns
//! that the stream was reset as planned, and would end the connection after about a thousand of those.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{CloseReason, ConnectionRecord, add, subtract};

/// The most streams of a connection that its client may make us reset.
const MAX_RESETS: u64 = 1_024;
/// How many frames a client may have sent on a stream before it learns that the stream was reset: as many
/// full ones as its window allows, and a few.
const FRAMES_IN_FLIGHT: u64 = 300;
/// How long these frames may take to arrive.
const IN_FLIGHT: Duration = Duration::from_secs(10);
/// The most frames that are read while the socket accepts no data, because each may make HTTP/2 reset a stream
/// and keep that in memory until it can be written.
const MAX_FRAMES_WHILE_BLOCKED: u64 = 16_384;

/// The codes with which HTTP/2 itself resets a stream because of what the client sent (RFC 9113, section 7):
/// `PROTOCOL_ERROR`, `FLOW_CONTROL_ERROR`, `STREAM_CLOSED`, `FRAME_SIZE_ERROR`, `REFUSED_STREAM`.
const CODES: [u32; 5] = [1, 3, 5, 6, 7];

/// How many streams of a connection were reset.
#[derive(Debug, Default)]
pub(super) struct Resets {
    because_of_client: AtomicU64,
    /// How many further resets planned ones explain, and until when, in nanoseconds since the connection was
    /// opened.
    explained: AtomicU64,
    explained_until_ns: AtomicU64,
    /// How many frames have been read since HTTP/2 could last write everything that it had to say.
    frames_while_blocked: AtomicU64,
}

impl ConnectionRecord {
    /// Notes that a stream will be reset as planned.
    pub(crate) fn expect_reset(&self) {
        let Resets { explained, explained_until_ns, .. } = &self.resets;
        let now = self.since_opened();
        if now > explained_until_ns.load(Relaxed) {
            explained.store(0, Relaxed);
        }
        add(explained, FRAMES_IN_FLIGHT);
        let until = now.saturating_add(u64::try_from(IN_FLIGHT.as_nanos()).unwrap_or(u64::MAX));
        explained_until_ns.store(until, Relaxed);
    }

    /// Called when a stream was reset with this code. Too many resets that no planned one explains close the
    /// connection.
    pub(super) fn was_reset(&self, code: u32) {
        if !CODES.contains(&code) {
            return;
        }
        let Resets { because_of_client, explained, explained_until_ns, .. } = &self.resets;
        let is_explained =
            explained.load(Relaxed) > 0 && self.since_opened() <= explained_until_ns.load(Relaxed);
        if is_explained {
            subtract(explained, 1);
            return;
        }
        add(because_of_client, 1);
        if because_of_client.load(Relaxed) > MAX_RESETS {
            self.wish_to_close(CloseReason::TooManyResets);
        }
    }

    /// Counts a frame that was read.
    pub(super) fn read_frame(&self) {
        if self.is_blocked() {
            add(&self.resets.frames_while_blocked, 1);
        }
    }

    /// Called when HTTP has written everything that it had to say.
    pub(super) fn said_all(&self) {
        self.resets.frames_while_blocked.store(0, Relaxed);
    }

    /// Whether nothing more may be read until the socket accepts data.
    pub(crate) fn has_read_enough_while_blocked(&self) -> bool {
        self.is_blocked()
            && self.resets.frames_while_blocked.load(Relaxed) >= MAX_FRAMES_WHILE_BLOCKED
    }
}
