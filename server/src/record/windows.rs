//! Tracks what goes out on a connection, and how much its peer's windows allow.

use std::mem;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Waker};

use super::frames::Frame;
use super::{ConnectionRecord, add, add_signed, lock, subtract};

/// How much may be sent on a stream and on a connection before the peer says otherwise (RFC 9113, section
/// 6.9.2).
const FIRST_WINDOW: u32 = 65_535;

/// How much the peer allows us to send.
#[derive(Debug)]
pub(super) struct Windows {
    /// The initial window of a stream.
    pub(super) initial: AtomicU32,
    /// The smallest value that `initial` ever had.
    pub(super) least: AtomicU32,
    /// The window of the connection as a whole.
    pub(super) connection: AtomicI64,
    /// Bytes that were handed to HTTP but are not yet encoded for the socket.
    handed_over: AtomicU64,
    /// Bytes that HTTP has encoded or discarded.
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
    /// Called when a frame was written.
    pub(crate) fn went(&self, frame: Frame) {
        match frame {
            Frame::Data(bytes) => {
                add_signed(&self.windows.connection, -i64::from(bytes));
            }
            Frame::Ping { is_ack: false, payload } => *lock(&self.goaway_ping) = Some(payload),
            Frame::Headers { stream } => self.stream_answered(stream),
            Frame::Reset { stream, code } => {
                self.stream_answered(stream);
                self.was_reset(code);
            }
            _ => {}
        }
    }

    /// Notes that the socket currently accepts no data.
    pub(crate) fn blocked(&self) {
        self.is_blocked.store(true, Relaxed);
    }

    /// Notes that the socket has accepted data.
    pub(crate) fn wrote(&self) {
        self.is_blocked.store(false, Relaxed);
    }

    /// Whether the socket currently accepts no data.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked.load(Relaxed)
    }

    /// Arranges for the task to be woken when bytes of this connection may have gone out. Returns false if
    /// the peer's windows let none go out.
    #[must_use]
    pub(crate) fn wait_to_go(&self, cx: &Context<'_>) -> bool {
        let is_stuck = self.is_stuck.load(Relaxed);
        if !is_stuck {
            lock(&self.wait_to_go).push(cx.waker().clone());
        }
        !is_stuck
    }

    /// Called when HTTP has had its turn to write, before which it had encoded this many bytes of answers.
    pub(crate) fn end_turn(&self, encoded_before: u64) {
        self.is_stuck.store(false, Relaxed);
        if !self.is_blocked() {
            self.said_all();
        }
        if self.encoded_bytes() != encoded_before && !self.is_blocked() {
            self.wake_those_that_wait();
        }
    }

    /// Called when all calls have done what they can. Unless it is the socket that accepts no data, the calls
    /// that still wait for bytes to go out wait in vain, and are woken. Returns whether there are any.
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

    /// How many bytes of answers have been encoded so far.
    pub(crate) fn encoded_bytes(&self) -> u64 {
        self.windows.encoded.load(Relaxed)
    }

    /// Counts bytes that were handed to HTTP.
    pub(crate) fn handed_over(&self, bytes: u64) {
        add(&self.windows.handed_over, bytes);
    }

    /// Counts bytes that were encoded or discarded.
    pub(crate) fn encoded(&self, bytes: u64) {
        subtract(&self.windows.handed_over, bytes);
        add(&self.windows.encoded, bytes);
    }

    /// Whether the windows would certainly let out everything that HTTP has if it were also handed the first
    /// `bytes` of a stream.
    pub(crate) fn would_allow(&self, bytes: u64) -> bool {
        let Windows { least, connection, handed_over, .. } = &self.windows;
        let connection = u64::try_from(connection.load(Relaxed)).unwrap_or(0);
        bytes <= least.load(Relaxed).into() && handed_over.load(Relaxed) + bytes <= connection
    }

    /// Whether the windows certainly let out everything that HTTP has, including a stream of which
    /// `of_stream` bytes were handed over in total.
    pub(crate) fn allows(&self, of_stream: u64) -> bool {
        let Windows { least, connection, handed_over, .. } = &self.windows;
        let connection = u64::try_from(connection.load(Relaxed)).unwrap_or(0);
        of_stream <= least.load(Relaxed).into() && handed_over.load(Relaxed) <= connection
    }
}
