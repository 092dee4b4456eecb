//! Counts the streams that HTTP/2 resets because of what the client sent (made-you-reset, CVE-2025-8671).
//!
//! h2 has a limit of its own, but it also counts the frames that a client sends on a stream before it learns
//! that the stream was reset as planned, and would end the connection after about a thousand of those.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{CloseReason, ConnectionRecord, add};

/// The most streams of a connection that its client may make us reset.
const MAX_RESETS: u64 = 1_024;
/// How many frames a client may have sent on a stream before it learns that the stream was reset: as many
/// full ones as its window allows, and a few.
const FRAMES_IN_FLIGHT: u64 = 300;

/// The codes with which HTTP/2 itself resets a stream because of what the client sent (RFC 9113, section 7):
/// `PROTOCOL_ERROR`, `FLOW_CONTROL_ERROR`, `STREAM_CLOSED`, `FRAME_SIZE_ERROR`, `REFUSED_STREAM`.
const CODES: [u32; 5] = [1, 3, 5, 6, 7];

/// How many streams of a connection were reset.
#[derive(Debug, Default)]
pub(super) struct Resets {
    because_of_client: AtomicU64,
    planned: AtomicU64,
}

impl ConnectionRecord {
    /// Notes that a stream will be reset as planned.
    pub(crate) fn expect_reset(&self) {
        add(&self.resets.planned, 1);
    }

    /// Called when a stream was reset with this code. Too many resets close the connection.
    pub(super) fn was_reset(&self, code: u32) {
        if !CODES.contains(&code) {
            return;
        }
        add(&self.resets.because_of_client, 1);
        let most = MAX_RESETS + self.resets.planned.load(Relaxed) * FRAMES_IN_FLIGHT;
        if self.resets.because_of_client.load(Relaxed) > most {
            self.wish_to_close(CloseReason::TooManyResets);
        }
    }
}
