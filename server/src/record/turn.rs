//! Bounds what a connection may do before the others have their turn.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::frames::{Frame, UnfinishedFrame};
use super::{CloseReason, ConnectionRecord, NONE_YET, add, add_signed, lock};

/// How much a connection may cost before its calls are polled and the other connections have their
/// turn; a byte that is read costs 1. A connection writes only when there is nothing left to read, so
/// answers that are due would otherwise wait behind everything that is still to be parsed.
pub(super) const TURN_COST: u64 = 64 * 1024;
/// What a request costs in addition to its bytes, which may be as few as ten: it is decoded, routed and
/// begun.
const REQUEST_COST: u64 = 96;
/// What a reset costs in addition to its bytes: it ends a request.
const RESET_COST: u64 = 16;
/// How many bytes of answers a connection may produce before the others have their turn.
const TURN_ANSWER_BYTES: u64 = 256 * 1024;

/// The most frames per second that a connection may send of those that make HTTP/2 walk over all its streams.
const MAX_WALKS: u32 = 100;
pub(super) const WALKS_WINDOW: Duration = Duration::from_secs(1);

/// What the client's bytes have stopped in the middle of.
#[derive(Debug, Clone, Copy)]
pub(super) struct StopPoint {
    unfinished: UnfinishedFrame,
    /// How many frames came before it.
    after: u64,
    since: Instant,
}

/// How often HTTP/2 has recently had to walk over all streams.
#[derive(Debug, Default)]
pub(super) struct Walks {
    since_ns: AtomicU64,
    count: AtomicU32,
}

impl ConnectionRecord {
    /// Begins the connection's turn. Nothing more is read while calls wait to be run.
    pub(crate) fn begin_turn(&self, may_read: bool) {
        self.answer_bytes.store(0, Relaxed);
        if may_read {
            self.turn.refill();
        }
    }

    /// Whether this turn has read as much as it may.
    pub(crate) fn is_turn_over(&self) -> bool {
        self.turn.is_spent()
    }

    /// Whether this turn has produced as many bytes of answers as it may.
    pub(crate) fn has_answered_enough(&self) -> bool {
        self.answer_bytes.load(Relaxed) >= TURN_ANSWER_BYTES
    }

    /// Counts bytes of an answer that were produced.
    pub(crate) fn answered(&self, bytes: u64) {
        add(&self.answer_bytes, bytes);
    }

    /// Counts the bytes of a read.
    pub(crate) fn read(&self, bytes: usize) {
        let now = self.since_opened();
        self.last_read_ns.store(now, Relaxed);
        if self.head_began_ns.load(Relaxed) == NONE_YET {
            self.head_began_ns.store(now, Relaxed);
        }
        self.spend(bytes as u64);
    }

    fn spend(&self, cost: u64) {
        self.turn.spend(cost);
    }

    /// Called when a frame is passed from the client to HTTP/2. Returns false if the next frame has to wait
    /// for the next turn.
    pub(crate) fn received(&self, frame: Frame) -> bool {
        self.read_frame();
        match frame {
            Frame::Headers { stream } => {
                self.stream_opened(stream);
                self.spend(REQUEST_COST);
            }
            Frame::Reset { .. } => self.spend(RESET_COST),
            Frame::Settings { is_ack: false, initial_window: Some(window) } => {
                self.windows.least.fetch_min(window, Relaxed);
                if self.windows.initial.swap(window, Relaxed) != window {
                    self.walk();
                }
            }
            Frame::Goaway => self.walk(),
            Frame::WindowUpdate(bytes) => {
                add_signed(&self.windows.connection, bytes.into());
            }
            Frame::Ping { is_ack: true, payload } if *lock(&self.goaway_ping) == Some(payload) => {
                self.has_heard.store(true, Relaxed);
                self.told();
            }
            _ => {}
        }
        !self.is_turn_over()
    }

    /// Notes that the client's bytes have stopped after this many frames, perhaps in the middle of another.
    pub(crate) fn stopped_in(&self, after: u64, unfinished: Option<UnfinishedFrame>) {
        let mut stop = lock(&self.stop);
        let since = match *stop {
            Some(stop) if stop.after == after => stop.since,
            _ => self.last_read(),
        };
        *stop = unfinished.map(|unfinished| StopPoint { unfinished, after, since });
    }

    /// What the client has begun to send and not continued, and since when.
    pub(crate) fn unfinished(&self) -> Option<(UnfinishedFrame, Instant)> {
        lock(&self.stop).map(|stop| (stop.unfinished, stop.since))
    }

    /// Called when HTTP/2 will walk over all streams. This ends the turn, and too many walks close the
    /// connection.
    fn walk(&self) {
        self.turn.exhaust();
        let (now, window) = (self.since_opened(), WALKS_WINDOW.as_nanos());
        let since = self.walks.since_ns.load(Relaxed);
        if u128::from(now - since) >= window {
            self.walks.since_ns.store(now, Relaxed);
            self.walks.count.store(0, Relaxed);
        }
        if self.walks.count.fetch_add(1, Relaxed) >= MAX_WALKS {
            self.wish_to_close(CloseReason::TooManyWalks);
        }
    }
}
