//! What a server is told before it starts.

pub(crate) mod files;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use longsync_behavior::Behavior;

/// What a server is told before it starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many worker threads serve connections.
    pub workers: NonZeroUsize,
    /// How a call behaves that does not say how.
    pub behavior: Behavior,
    /// What a client may ask for.
    pub limits: Limits,
    /// How long a shutdown lets everything go on as before while health checks already say no, so that
    /// proxies stop sending calls. It does not shorten the drain, which comes after it. Zero: no lame duck.
    /// [`Worker::drain`](crate::Worker::drain) has none.
    pub lame_duck: Duration,
    /// How long waiting calls may go on after the drain has begun.
    pub drain: Duration,
    /// For how long before a wait ends its worker polls instead of sleeping: more precise, for a core.
    pub spin: Duration,
}

impl Default for Config {
    /// Loopback on port 9000, a worker for each core, a delay of 5 s, safe limits, no lame duck, a drain
    /// of 10 s, no spin.
    fn default() -> Self {
        Self {
            listen: longsync::DEFAULT_ADDRESS,
            workers: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            behavior: Behavior::constant(Duration::from_secs(5)),
            limits: Limits::default(),
            lame_duck: Duration::ZERO,
            drain: Duration::from_secs(10),
            spin: Duration::ZERO,
        }
    }
}

/// What a client may ask for, and what all clients together may hold. What is beyond a limit is
/// refused with a sentence that names it; nothing is cut down to fit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest delay.
    pub max_delay: Duration,
    /// The largest request message, in bytes.
    pub max_message_bytes: u32,
    /// The most answers of one `LongSyncStream`.
    pub max_count: u32,
    /// The largest `response_bytes`.
    pub max_response_bytes: u32,
    /// The most messages of one `LongSyncExchange` that wait for their answer; at the limit the
    /// server stops reading the stream.
    pub max_unanswered: NonZeroUsize,
    /// The most streams of one HTTP/2 connection, as advertised to the client.
    pub max_streams: u32,
    /// The most calls in flight over all connections. A waiting message of a `LongSyncExchange` takes a
    /// place as a call does; the first in each takes that of its call.
    pub max_in_flight: u64,
    /// The most bytes of requests and answers held in memory over all connections. One connection holds
    /// at most half of them, and the last sixteenth is kept for connections that hold at most 64 KiB.
    pub max_buffered_bytes: u64,
    /// How long a message may take once it has begun, plus a second for each 64 KiB of it that came,
    /// counted only while the server wants its bytes. The request of a call that has only one message may
    /// take as long, from the call's beginning to the end of the request. Then the call ends with
    /// `DEADLINE_EXCEEDED`, and counts as refused. A frame of data that stops in the middle for
    /// this long closes its connection.
    pub message_timeout: Duration,
    /// How long a client may take for its first bytes, for the head of a request, and for a frame of
    /// HTTP/2 that carries no data. Then its connection is closed. An idle connection is not.
    pub head_timeout: Duration,
    /// The most open connections. [`None`]: as many as the process's file limit leaves room for.
    pub max_connections: Option<NonZeroUsize>,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u32 = 1024 * 1024;
        Self {
            max_delay: Duration::from_secs(3600),
            max_message_bytes: 4 * MIB,
            max_count: 100_000,
            max_response_bytes: 4 * MIB,
            max_unanswered: NonZeroUsize::MIN.saturating_add(1_023),
            max_streams: 16_384,
            max_in_flight: 1_000_000,
            max_buffered_bytes: 256 * u64::from(MIB),
            message_timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(10),
            max_connections: None,
        }
    }
}
