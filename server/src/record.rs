//! The state of one connection outside HTTP: whose it is, what it holds, how far its drain has progressed.

pub(crate) mod frames;
mod memory;
mod resets;
pub(crate) mod side;
mod streams;
mod turn;
mod windows;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use longsync_ready::ReadBudget;

use crate::record::resets::Resets;
use crate::record::side::SideCounts;
use crate::record::streams::Streams;
use crate::record::turn::{StopPoint, TURN_COST, Walks};
use crate::record::windows::Windows;
use crate::worker::Worker;

/// The value that means that no byte has arrived yet, in place of nanoseconds since the connection began.
const NONE_YET: u64 = u64::MAX;

/// One connection, as its calls and its serving loop see it. Only one thread writes to it.
#[derive(Debug)]
pub(crate) struct ConnectionRecord {
    worker: Arc<Worker>,
    /// In the order of acceptance, from 0.
    number: u64,
    peer: Option<SocketAddr>,
    /// How many requests have arrived.
    requests: AtomicU64,
    opened: Instant,
    last_read_ns: AtomicU64,
    /// When the first byte after [`ConnectionRecord::expect_head`] arrived, or [`NONE_YET`].
    head_began_ns: AtomicU64,
    /// Whether HTTP/1.1 waits for a head, or for the rest of one.
    awaits_head: AtomicBool,
    /// How much more this turn may cost.
    turn: ReadBudget,
    /// Bytes of answers that were produced in this turn.
    answer_bytes: AtomicU64,
    held_bytes: AtomicU64,
    side: SideCounts,
    walks: Walks,
    stop: Mutex<Option<StopPoint>>,
    windows: Windows,
    /// Whether the socket accepted less than there was to write.
    is_blocked: AtomicBool,
    /// Whether none of its answers can go out, so that waiting for one would be in vain.
    is_stuck: AtomicBool,
    /// The tasks that wait until something has gone out.
    wait_to_go: Mutex<Vec<Waker>>,
    /// The PING that follows our first GOAWAY: when it comes back, the client has read the GOAWAY.
    goaway_ping: Mutex<Option<[u8; 8]>>,
    has_heard: AtomicBool,
    is_told: AtomicBool,
    wish: Mutex<Option<CloseReason>>,
    wants_goaway: AtomicBool,
    resets: Resets,
    streams: Streams,
    /// The stream of the latest request.
    stream: AtomicU32,
}

/// Why a connection must be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// Its client changes the windows of all streams over and over.
    TooManyWalks,
    /// Its client disconnected in the middle of a request's body, and HTTP/1.1 would answer anyway.
    ClientLeft,
    /// Its client has made us reset too many streams.
    TooManyResets,
    /// The behavior of a call plans that the connection goes away with this error code. The call's stream is
    /// 0 over HTTP/1.1.
    GoAway { code: u32, stream: u32 },
    /// The behavior of a call plans that the connection is closed, or reset.
    Dropped { is_reset: bool },
}

impl CloseReason {
    /// Whether a behavior plans it.
    pub(crate) fn is_planned(self) -> bool {
        matches!(self, Self::GoAway { .. } | Self::Dropped { .. })
    }

    /// Whether it waits for what is still to be written.
    pub(crate) fn waits(self) -> bool {
        matches!(self, Self::GoAway { .. } | Self::Dropped { is_reset: false })
    }

    /// The GOAWAY that the client gets (RFC 9113, section 6.8): the last stream that we may have processed,
    /// and the error code.
    pub(crate) fn goaway(self) -> Option<(u32, u32)> {
        const ENHANCE_YOUR_CALM: u32 = 11;
        const HIGHEST_STREAM: u32 = u32::MAX >> 1;
        match self {
            // Clients open streams with odd numbers: this is the one before.
            Self::GoAway { code, stream } if stream > 0 => Some((stream.saturating_sub(2), code)),
            Self::TooManyResets => Some((HIGHEST_STREAM, ENHANCE_YOUR_CALM)),
            _ => None,
        }
    }

    /// Counts or logs the closure if the client is to blame. Returns the reason.
    pub(crate) fn carried_out(self, worker: &Worker) -> Box<dyn Error + Send + Sync> {
        match self {
            Self::TooManyWalks => {
                worker.shared().connections_of_walks.fetch_add(1, Relaxed);
                let why = "a client changed the window of all streams, or sent GOAWAY, more than \
                           100 times in a second: its connection is closed";
                tracing::warn!("{why}");
                why.into()
            }
            Self::ClientLeft => "the client disconnected in the middle of a request's body".into(),
            Self::TooManyResets => {
                let why = "a client has made us reset too many streams: its connection is closed";
                tracing::warn!("{why}");
                why.into()
            }
            Self::GoAway { .. } => "the connection goes away as planned".into(),
            Self::Dropped { .. } => "the connection is dropped as planned".into(),
        }
    }
}

impl ConnectionRecord {
    /// The record of a connection that begins now and for which the worker's drain will wait.
    pub(crate) fn open(worker: &Arc<Worker>, number: u64, peer: Option<SocketAddr>) -> Arc<Self> {
        worker.connection_opened();
        Arc::new(Self {
            opened: worker.timer().now(),
            worker: Arc::clone(worker),
            number,
            peer,
            requests: AtomicU64::new(0),
            last_read_ns: AtomicU64::new(0),
            head_began_ns: AtomicU64::new(NONE_YET),
            awaits_head: AtomicBool::new(false),
            turn: ReadBudget::new(TURN_COST),
            answer_bytes: AtomicU64::new(0),
            held_bytes: AtomicU64::new(0),
            side: SideCounts::default(),
            walks: Walks::default(),
            stop: Mutex::new(None),
            windows: Windows::default(),
            is_blocked: AtomicBool::new(false),
            is_stuck: AtomicBool::new(false),
            wait_to_go: Mutex::default(),
            goaway_ping: Mutex::new(None),
            has_heard: AtomicBool::new(false),
            is_told: AtomicBool::new(false),
            wish: Mutex::new(None),
            wants_goaway: AtomicBool::new(false),
            resets: Resets::default(),
            streams: Streams::new(worker.can_go_away()),
            stream: AtomicU32::new(0),
        })
    }

    pub(crate) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// The streams and checks that it has besides its calls.
    pub(crate) fn side(&self) -> &SideCounts {
        &self.side
    }

    /// Its number, in the order of acceptance, from 0.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The address of the client; [`None`] if the connection is not a socket.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Counts a request.
    pub(crate) fn request_came(&self) {
        add(&self.requests, 1);
        self.stream.store(self.next_stream(), Relaxed);
    }

    /// The number of the latest request's stream; 0 if it cannot be needed.
    pub(crate) fn request_stream(&self) -> u32 {
        self.stream.load(Relaxed)
    }

    /// The number of the latest request, in the order of arrival, from 0.
    pub(crate) fn request_number(&self) -> u64 {
        self.requests.load(Relaxed).saturating_sub(1)
    }

    /// When the last read that returned bytes returned.
    pub(crate) fn last_read(&self) -> Instant {
        self.opened + Duration::from_nanos(self.last_read_ns.load(Relaxed))
    }

    /// Notes that the head of a request comes next over HTTP/1.1.
    pub(crate) fn expect_head(&self) {
        self.head_began_ns.store(NONE_YET, Relaxed);
    }

    /// When that head began to arrive.
    pub(crate) fn head_began(&self) -> Option<Instant> {
        let began = self.head_began_ns.load(Relaxed);
        (began != NONE_YET).then(|| self.opened + Duration::from_nanos(began))
    }

    /// Notes whether HTTP/1.1 waits for a head.
    pub(crate) fn awaits_head(&self, awaits: bool) {
        self.awaits_head.store(awaits, Relaxed);
    }

    /// Whether the client has begun the head of a request over HTTP/1.1 but has not finished it.
    pub(crate) fn is_in_head(&self) -> bool {
        self.awaits_head.load(Relaxed) && self.head_began().is_some()
    }

    fn since_opened(&self) -> u64 {
        let since = self.worker.timer().now().saturating_duration_since(self.opened);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The end of a connection.
impl ConnectionRecord {
    /// Notes that the client knows not to open any more calls, or has had its time to learn it.
    pub(crate) fn told(&self) {
        if !self.is_told.swap(true, Relaxed) {
            self.worker.connection_told();
        }
    }

    /// Whether the client has read our GOAWAY.
    pub(crate) fn has_heard(&self) -> bool {
        self.has_heard.load(Relaxed)
    }

    pub(crate) fn is_told(&self) -> bool {
        self.is_told.load(Relaxed)
    }

    /// Asks the serving loop to end the connection gracefully: its client is told to open no more calls on
    /// it, and those in flight continue.
    pub(crate) fn wish_for_goaway(&self) {
        self.wants_goaway.store(true, Relaxed);
    }

    /// Whether that was asked for; true only once.
    pub(crate) fn takes_goaway(&self) -> bool {
        self.wants_goaway.load(Relaxed) && self.wants_goaway.swap(false, Relaxed)
    }

    /// Asks the serving loop to close the connection.
    pub(crate) fn wish_to_close(&self, wish: CloseReason) {
        lock(&self.wish).get_or_insert(wish);
    }

    pub(crate) fn wish(&self) -> Option<CloseReason> {
        *lock(&self.wish)
    }
}

impl Drop for ConnectionRecord {
    fn drop(&mut self) {
        // In case the connection's future was dropped.
        self.told();
    }
}

/// Adds to a number that only one thread writes; an atomic addition would cost about twenty times as much.
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

/// Locks; a panic elsewhere must not end the connection's accounting.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use longsync_timer::Clock;

    use super::turn::WALKS_WINDOW;
    use super::*;
    use crate::config::{Config, Limits, Options};
    use crate::record::frames::Frame;

    fn record(max_buffered_bytes: u64) -> Arc<ConnectionRecord> {
        let limits = Limits { max_buffered_bytes, ..Limits::default() };
        let worker = Worker::new(
            Config::new(Options { limits, ..Options::default() }).unwrap(),
            Clock::Tokio,
        );
        ConnectionRecord::open(&worker, 0, None)
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
    async fn a_connection_holds_at_most_half_and_little_of_the_last_sixteenth() {
        const LIMIT: u64 = 16 << 20;
        let first = record(LIMIT);
        while first.hold(16 * 1024) {}
        let held = first.held_bytes.load(Relaxed);
        assert!(held <= LIMIT / 2 && held > LIMIT / 2 - (1 << 20), "{held}");
        // The others share what is left, and no two of them hold more than one.
        let others: Vec<_> =
            (1..64).map(|number| ConnectionRecord::open(first.worker(), number, None)).collect();
        for other in &others {
            while other.hold(16 * 1024) {}
        }
        let late = ConnectionRecord::open(first.worker(), 64, None);
        assert!(late.hold(1024), "{} are left", first.worker().bytes_left());
        late.release(1024);
        for record in others.iter().chain([&first]) {
            record.release(record.held_bytes.load(Relaxed));
        }
        assert_eq!(first.worker().bytes_left(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_a_hundred_walks_in_a_second_are_too_many() {
        let window = |size| Frame::Settings { is_ack: false, initial_window: Some(size) };
        let record = record(1 << 20);
        for second in 0..3 {
            for size in 0..100 {
                record.received(window(1_000 * (second + 1) + size));
            }
            assert_eq!(record.wish(), None);
            tokio::time::advance(WALKS_WINDOW).await;
        }
        for size in 0..=100 {
            assert_eq!(record.wish(), None);
            record.received(window(size));
        }
        assert_eq!(record.wish(), Some(CloseReason::TooManyWalks));
    }
}
