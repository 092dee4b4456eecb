//! What goes out on a connection, and what its peer's windows allow to go.

use std::mem;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Waker};

use super::frames::Frame;
use super::{ConnectionRecord, add, add_signed, lock, subtract};

/// What a stream and a connection may be sent before the peer has said otherwise (RFC 9113, section
/// 6.9.2).
const FIRST_WINDOW: u32 = 65_535;

/// What the peer allows us to send.
#[derive(Debug)]
pub(super) struct Windows {
    /// The initial window of a stream.
    pub(super) initial: AtomicU32,
    /// The smallest that `initial` ever was.
    pub(super) least: AtomicU32,
    /// The window of the connection as a whole.
    pub(super) connection: AtomicI64,
    /// Bytes that HTTP has but has not yet encoded for the socket.
    handed_over: AtomicU64,
    /// Bytes that it has encoded, or thrown away.
    encoded: AtomicU64,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            initial: AtomicU32::new(FIRST_WINDOW),
            least: AtomicU32::new(FIRST_WINDOW),
            connection: AtomicI64::new(FIRST_WINDOW.into()),
            handed_over: AtomicU64::new(0),
            encoded: AtomicU64::new(0),
        }
    }
}

impl ConnectionRecord {
    /// A frame was written.
    pub(crate) fn went(&self, frame: Frame) {
        match frame {
            Frame::Data(bytes) => {
                add_signed(&self.windows.connection, -i64::from(bytes));
            }
            Frame::Ping { is_ack: false, payload } => *lock(&self.goaway_ping) = Some(payload),
            _ => {}
        }
    }

    /// The socket takes nothing at the moment.
    pub(crate) fn blocked(&self) {
        self.is_blocked.store(true, Relaxed);
    }

    /// The socket has taken something.
    pub(crate) fn wrote(&self) {
        self.is_blocked.store(false, Relaxed);
    }

    /// Whether the socket takes nothing at the moment.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked.load(Relaxed)
    }

    /// Has the task woken when bytes of this connection may have gone, if there are any that the peer's
    /// windows allow to go.
    #[must_use]
    pub(crate) fn wait_to_go(&self, cx: &Context<'_>) -> bool {
        let is_stuck = self.is_stuck.load(Relaxed);
        if !is_stuck {
            lock(&self.wait_to_go).push(cx.waker().clone());
        }
        !is_stuck
    }

    /// HTTP has had its turn to write; before that it had encoded this many bytes of answers.
    pub(crate) fn end_turn(&self, encoded_before: u64) {
        self.is_stuck.store(false, Relaxed);
        if self.encoded_bytes() != encoded_before && !self.is_blocked() {
            self.wake_those_that_wait();
        }
    }

    /// All calls have done what they can. Those that still wait for something to go are asked once more,
    /// and wait in vain unless it is the socket that takes nothing. Returns whether there are any.
    pub(crate) fn give_up_waiting(&self) -> bool {
        let is_in_vain = !self.is_blocked() && !lock(&self.wait_to_go).is_empty();
        if is_in_vain {
            self.is_stuck.store(true, Relaxed);
            self.wake_those_that_wait();
        }
        is_in_vain
    }

    fn wake_those_that_wait(&self) {
        let waiting = mem::take(&mut *lock(&self.wait_to_go));
        waiting.into_iter().for_each(Waker::wake);
    }

    /// How many bytes of answers were encoded until now.
    pub(crate) fn encoded_bytes(&self) -> u64 {
        self.windows.encoded.load(Relaxed)
    }

    /// This many bytes were handed to HTTP.
    pub(crate) fn handed_over(&self, bytes: u64) {
        add(&self.windows.handed_over, bytes);
    }

    /// This many of them were encoded or thrown away.
    pub(crate) fn encoded(&self, bytes: u64) {
        subtract(&self.windows.handed_over, bytes);
        add(&self.windows.encoded, bytes);
    }

    /// Whether no window could hold up what HTTP has, if it were handed a stream's first `bytes`.
    pub(crate) fn would_allow(&self, bytes: u64) -> bool {
        let Windows { least, connection, handed_over, .. } = &self.windows;
        let connection = u64::try_from(connection.load(Relaxed)).unwrap_or(0);
        bytes <= least.load(Relaxed).into() && handed_over.load(Relaxed) + bytes <= connection
    }

    /// Whether no window can hold up what HTTP has, of a stream that was handed `of_stream` bytes in
    /// all.
    pub(crate) fn allows(&self, of_stream: u64) -> bool {
        let Windows { least, connection, handed_over, .. } = &self.windows;
        let connection = u64::try_from(connection.load(Relaxed)).unwrap_or(0);
        of_stream <= least.load(Relaxed).into() && handed_over.load(Relaxed) <= connection
    }
}
