//! What is known of one connection outside of HTTP: who it is, what it holds, how far its drain is.

pub(crate) mod frames;

use std::error::Error;
use std::mem;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::record::frames::{Frame, Unfinished};
use crate::worker::Worker;

/// What a connection may cost before its calls are looked at and the other connections have their
/// turn: a byte that is read costs one. A connection writes only when its reads have nothing more, so
/// answers that are due would otherwise wait behind everything that is still to be parsed.
const TURN_COST: u64 = 64 * 1024;
/// What a request costs besides its bytes, of which there may be only ten: it is decoded, routed and begun.
const REQUEST_COST: u64 = 96;
/// What a reset costs besides its bytes: it ends a request.
const RESET_COST: u64 = 16;
/// How many bytes of answers a connection makes before the others have their turn.
const TURN_ANSWER_BYTES: u64 = 256 * 1024;

/// How many frames per second a connection may send that make HTTP/2 walk over all its streams.
const MAX_WALKS: u32 = 100;
const WALKS_WINDOW: Duration = Duration::from_secs(1);

/// How much a connection may hold and still draw on the reserve: the last sixteenth of the bytes that
/// all connections together may hold.
const SMALL_BYTES: u64 = 64 * 1024;
const RESERVED_SHARE: u64 = 16;
/// And the last quarter of that for those that hold at most this: otherwise a few dozen connections which
/// hold 64 KiB each would have all of it, where the limit is low.
const TINY_BYTES: u64 = 4 * 1024;
const TINY_SHARE: u64 = 4;

/// How many streams of health (`Watch`) and reflection a connection may have.
pub(crate) const MAX_SIDE_STREAMS: u32 = 16;

/// What a stream and a connection may be sent before the peer has said otherwise (RFC 9113, section
/// 6.9.2).
const FIRST_WINDOW: u32 = 65_535;

/// That no byte has come, as nanoseconds since the connection began.
const NONE_YET: u64 = u64::MAX;

/// One connection, as its calls and its serving loop see it. All of it is written by one thread.
#[derive(Debug)]
pub(crate) struct Record {
    worker: Arc<Worker>,
    /// In accept order, from 0.
    number: u64,
    peer: Option<SocketAddr>,
    opened: Instant,
    last_read_ns: AtomicU64,
    /// When the first byte came after [`Record::expect_head`], or [`NONE_YET`].
    head_began_ns: AtomicU64,
    /// How much this turn may still cost.
    turn: AtomicU64,
    /// Bytes of answers that were made in this turn.
    answer_bytes: AtomicU64,
    held_bytes: AtomicU64,
    side_streams: AtomicU32,
    walks: Walks,
    stop: Mutex<Option<Stop>>,
    windows: Windows,
    /// Whether the socket took less than was to be written.
    is_blocked: AtomicBool,
    /// Whether none of its answers can go out, so that waiting for that is in vain.
    is_stuck: AtomicBool,
    /// The tasks that wait until something has gone out.
    wait_to_go: Mutex<Vec<Waker>>,
    /// The PING behind our first GOAWAY: when it comes back, the client has read the GOAWAY.
    farewell: Mutex<Option<[u8; 8]>>,
    has_heard: AtomicBool,
    is_told: AtomicBool,
    wish: Mutex<Option<Wish>>,
}

/// Why a connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Its client changes the windows of all streams over and over.
    TooManyWalks,
}

impl Wish {
    /// Counts it, and says why.
    pub(crate) fn carried_out(self, worker: &Worker) -> Box<dyn Error + Send + Sync> {
        match self {
            Self::TooManyWalks => {
                worker.shared.connections_of_walks.fetch_add(1, Relaxed);
                let why = "a client changed the window of all streams, or said GOAWAY, more than \
                           100 times in a second: its connection is closed";
                tracing::warn!("{why}");
                why.into()
            }
        }
    }
}

/// What the client's bytes stop in the middle of.
#[derive(Debug, Clone, Copy)]
struct Stop {
    unfinished: Unfinished,
    /// How many frames came before it.
    after: u64,
    since: Instant,
}

/// How often HTTP/2 had to walk over all streams lately.
#[derive(Debug, Default)]
struct Walks {
    since_ns: AtomicU64,
    count: AtomicU32,
}

/// What the peer allows us to send.
#[derive(Debug)]
struct Windows {
    /// The initial window of a stream.
    initial: AtomicU32,
    /// The smallest that this ever was.
    least: AtomicU32,
    /// The window of the connection as a whole.
    connection: AtomicI64,
    /// Bytes that HTTP has and has not yet encoded for the socket.
    handed_over: AtomicU64,
    /// Bytes that it has encoded, or thrown away.
    encoded: AtomicU64,
}

impl Record {
    /// The record of a connection that begins now, and that the worker's drain will wait for.
    pub(crate) fn open(worker: &Arc<Worker>, number: u64, peer: Option<SocketAddr>) -> Arc<Self> {
        worker.connection_opened();
        Arc::new(Self {
            opened: worker.timer.now(),
            worker: Arc::clone(worker),
            number,
            peer,
            last_read_ns: AtomicU64::new(0),
            head_began_ns: AtomicU64::new(NONE_YET),
            turn: AtomicU64::new(TURN_COST),
            answer_bytes: AtomicU64::new(0),
            held_bytes: AtomicU64::new(0),
            side_streams: AtomicU32::new(0),
            walks: Walks::default(),
            stop: Mutex::new(None),
            windows: Windows {
                initial: AtomicU32::new(FIRST_WINDOW),
                least: AtomicU32::new(FIRST_WINDOW),
                connection: AtomicI64::new(FIRST_WINDOW.into()),
                handed_over: AtomicU64::new(0),
                encoded: AtomicU64::new(0),
            },
            is_blocked: AtomicBool::new(false),
            is_stuck: AtomicBool::new(false),
            wait_to_go: Mutex::default(),
            farewell: Mutex::new(None),
            has_heard: AtomicBool::new(false),
            is_told: AtomicBool::new(false),
            wish: Mutex::new(None),
        })
    }

    pub(crate) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// Its number in accept order, from 0.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The address of the client; [`None`] if the connection is not a socket.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// When the last read that brought something returned.
    pub(crate) fn last_read(&self) -> Instant {
        self.opened + Duration::from_nanos(self.last_read_ns.load(Relaxed))
    }

    /// What comes next over HTTP/1.1 is the head of a request.
    pub(crate) fn expect_head(&self) {
        self.head_began_ns.store(NONE_YET, Relaxed);
    }

    /// When that head began to come.
    pub(crate) fn head_began(&self) -> Option<Instant> {
        let began = self.head_began_ns.load(Relaxed);
        (began != NONE_YET).then(|| self.opened + Duration::from_nanos(began))
    }

    fn since_opened(&self) -> u64 {
        let since = self.worker.timer.now().saturating_duration_since(self.opened);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Turns.
impl Record {
    /// The connection's turn begins. Nothing more is read while calls wait to be run.
    pub(crate) fn begin_turn(&self, may_read: bool) {
        self.answer_bytes.store(0, Relaxed);
        if may_read {
            self.turn.store(TURN_COST, Relaxed);
        }
    }

    /// Whether what this turn may read has been read.
    pub(crate) fn is_turn_over(&self) -> bool {
        self.turn.load(Relaxed) == 0
    }

    /// Whether this turn has made all the bytes of answers that it may.
    pub(crate) fn has_answered_enough(&self) -> bool {
        self.answer_bytes.load(Relaxed) >= TURN_ANSWER_BYTES
    }

    /// This many bytes of an answer were made.
    pub(crate) fn answered(&self, bytes: u64) {
        add(&self.answer_bytes, bytes);
    }

    /// A read brought this many bytes.
    pub(crate) fn read(&self, bytes: usize) {
        let now = self.since_opened();
        self.last_read_ns.store(now, Relaxed);
        if self.head_began_ns.load(Relaxed) == NONE_YET {
            self.head_began_ns.store(now, Relaxed);
        }
        self.spend(bytes as u64);
    }

    fn spend(&self, cost: u64) {
        self.turn.store(self.turn.load(Relaxed).saturating_sub(cost), Relaxed);
    }

    /// A frame goes from the client to HTTP/2. Returns false when the next one has to wait for the next
    /// turn.
    pub(crate) fn came(&self, frame: Frame) -> bool {
        match frame {
            Frame::Headers => self.spend(REQUEST_COST),
            Frame::Reset => self.spend(RESET_COST),
            Frame::Settings { is_ack: false, initial_window: Some(window) } => {
                self.windows.least.fetch_min(window, Relaxed);
                if self.windows.initial.swap(window, Relaxed) != window {
                    self.walk();
                }
            }
            Frame::Goaway => self.walk(),
            Frame::Credit(bytes) => {
                add_signed(&self.windows.connection, bytes.into());
            }
            Frame::Ping { is_ack: true, payload } if *lock(&self.farewell) == Some(payload) => {
                self.has_heard.store(true, Relaxed);
                self.told();
            }
            _ => {}
        }
        !self.is_turn_over()
    }

    /// The client's bytes stop after this many frames, perhaps in the middle of another.
    pub(crate) fn stopped_in(&self, after: u64, unfinished: Option<Unfinished>) {
        let mut stop = lock(&self.stop);
        let since = match *stop {
            Some(stop) if stop.after == after => stop.since,
            _ => self.last_read(),
        };
        *stop = unfinished.map(|unfinished| Stop { unfinished, after, since });
    }

    /// What the client has begun to send and has not gone on with, and since when.
    pub(crate) fn unfinished(&self) -> Option<(Unfinished, Instant)> {
        lock(&self.stop).map(|stop| (stop.unfinished, stop.since))
    }

    /// HTTP/2 will walk over all streams: the turn is over with that, and too many walks close the
    /// connection.
    fn walk(&self) {
        self.turn.store(0, Relaxed);
        let (now, window) = (self.since_opened(), WALKS_WINDOW.as_nanos());
        let since = self.walks.since_ns.load(Relaxed);
        if u128::from(now - since) >= window {
            self.walks.since_ns.store(now, Relaxed);
            self.walks.count.store(0, Relaxed);
        }
        if self.walks.count.fetch_add(1, Relaxed) >= MAX_WALKS {
            self.wish_to_close(Wish::TooManyWalks);
        }
    }
}

/// What goes out.
impl Record {
    /// A frame was written.
    pub(crate) fn went(&self, frame: Frame) {
        match frame {
            Frame::Data(bytes) => {
                add_signed(&self.windows.connection, -i64::from(bytes));
            }
            Frame::Ping { is_ack: false, payload } => *lock(&self.farewell) = Some(payload),
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

/// Memory.
impl Record {
    /// Holds this many more bytes, if this connection holds less than is left for all. What is left does
    /// not include the last sixteenth, which is kept for connections that hold little.
    #[must_use]
    pub(crate) fn hold(&self, bytes: u64) -> bool {
        let budget = &self.worker.shared.buffered_bytes;
        let before = self.held_bytes.load(Relaxed);
        let held = before.saturating_add(bytes);
        if held > TINY_BYTES && !self.has_share(before, bytes) {
            return false;
        }
        let is_held = budget.take(self.worker.index, bytes);
        if is_held {
            self.held_bytes.store(held, Relaxed);
        }
        is_held
    }

    /// Whether so many more bytes than were held `before` are within this connection's part.
    fn has_share(&self, before: u64, bytes: u64) -> bool {
        let budget = &self.worker.shared.buffered_bytes;
        let reserve = budget.limit() / RESERVED_SHARE;
        let left = budget.left();
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
            self.worker.shared.buffered_bytes.give_back(self.worker.index, bytes);
        }
    }
}

/// Streams of health and reflection.
impl Record {
    /// Takes a place for one, if there is one left.
    #[must_use]
    pub(crate) fn take_side_stream(&self) -> bool {
        let more = |taken| (taken < MAX_SIDE_STREAMS).then_some(taken + 1);
        self.side_streams.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// Gives the place back.
    pub(crate) fn give_back_side_stream(&self) {
        self.side_streams.fetch_sub(1, Relaxed);
    }
}

/// Its end.
impl Record {
    /// The client knows that it is to open no more calls, or had its time to learn so.
    pub(crate) fn told(&self) {
        if !self.is_told.swap(true, Relaxed) {
            self.worker.connection_told();
        }
    }

    /// Whether the client has read our farewell.
    pub(crate) fn has_heard(&self) -> bool {
        self.has_heard.load(Relaxed)
    }

    pub(crate) fn is_told(&self) -> bool {
        self.is_told.load(Relaxed)
    }

    /// Asks the serving loop to close the connection.
    pub(crate) fn wish_to_close(&self, wish: Wish) {
        lock(&self.wish).get_or_insert(wish);
    }

    pub(crate) fn wish(&self) -> Option<Wish> {
        *lock(&self.wish)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // Of a connection whose future was dropped.
        self.told();
    }
}

/// Adds to a number that only one thread writes: an atomic addition would cost some twenty times as much.
pub(crate) fn add(to: &AtomicU64, amount: u64) {
    to.store(to.load(Relaxed).wrapping_add(amount), Relaxed);
}

/// Subtracts from a number that only one thread writes.
pub(crate) fn subtract(from: &AtomicU64, amount: u64) {
    from.store(from.load(Relaxed).wrapping_sub(amount), Relaxed);
}

fn add_signed(to: &AtomicI64, amount: i64) {
    to.store(to.load(Relaxed).saturating_add(amount), Relaxed);
}

/// A panic elsewhere must not end the connection's accounts.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use longsync_timer::Clock;

    use super::*;
    use crate::config::{Config, Limits};

    fn record(max_buffered_bytes: u64) -> Arc<Record> {
        let limits = Limits { max_buffered_bytes, ..Limits::default() };
        let worker = Worker::new(Config { limits, ..Config::default() }, Clock::Tokio);
        Record::open(&worker, 0, None)
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_has_answered_enough_with_256_kib() {
        let record = record(1 << 30);
        record.answered(256 * 1024 - 1);
        assert!(!record.has_answered_enough());
        record.answered(1);
        assert!(record.has_answered_enough());
        record.begin_turn(false);
        assert!(!record.has_answered_enough());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_holds_half_at_most_and_little_of_the_last_sixteenth() {
        const LIMIT: u64 = 16 << 20;
        let first = record(LIMIT);
        while first.hold(16 * 1024) {}
        let held = first.held_bytes.load(Relaxed);
        assert!(held <= LIMIT / 2 && held > LIMIT / 2 - (1 << 20), "{held}");
        // Beside it, others share what is left, and no two of them hold more than one.
        let others: Vec<_> =
            (1..64).map(|number| Record::open(first.worker(), number, None)).collect();
        for other in &others {
            while other.hold(16 * 1024) {}
        }
        let budget = &first.worker().shared.buffered_bytes;
        let late = Record::open(first.worker(), 64, None);
        assert!(late.hold(1024), "{} are left", budget.left());
        late.release(1024);
        for record in others.iter().chain([&first]) {
            record.release(record.held_bytes.load(Relaxed));
        }
        assert_eq!(budget.left(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_a_hundred_walks_in_a_second_are_too_many() {
        let window = |size| Frame::Settings { is_ack: false, initial_window: Some(size) };
        let record = record(1 << 20);
        for second in 0..3 {
            for size in 0..100 {
                record.came(window(1_000 * (second + 1) + size));
            }
            assert_eq!(record.wish(), None);
            tokio::time::advance(WALKS_WINDOW).await;
        }
        for size in 0..=100 {
            assert_eq!(record.wish(), None);
            record.came(window(size));
        }
        assert_eq!(record.wish(), Some(Wish::TooManyWalks));
    }
}
