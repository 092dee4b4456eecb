//! The state that all workers of a server share.

mod budget;
pub(crate) mod counters;
pub(crate) mod fault_counts;
pub(crate) mod foreign;
pub(crate) mod format;
pub(crate) mod health;
pub(crate) mod queue;
pub(crate) mod scrapes;
mod stall;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use longsync_behavior::SeenCalls;
use longsync_timer::Clock;
use tokio_util::sync::CancellationToken;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::call::wait::nanos;
use crate::config::{Config, random};
use crate::shared::budget::Budget;
use crate::shared::counters::{Counters, Snapshot};
use crate::shared::foreign::LastReports;
use crate::shared::health::Health;
use crate::shared::queue::{QueueCounts, SharedQueue};
use crate::shared::scrapes::Scrapes;
use crate::shared::stall::StallClock;

/// How much of the limit on calls in flight a worker takes ahead, so that it rarely writes to shared memory.
const CALLS_AHEAD: u64 = 256;
/// How much of the limit on held bytes a worker takes ahead: as much as one connection reads at a time.
const BYTES_AHEAD: u64 = 64 * 1024;

/// The state that all workers of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) stall: Option<StallClock>,
    pub(crate) queue: Option<SharedQueue>,
    pub(crate) host: String,
    /// How many connections each worker has.
    pub(crate) connections: Box<[AtomicUsize]>,
    pub(crate) connections_refused: AtomicU64,
    /// How many connections were accepted; this is also the number of the next one.
    connections_accepted: AtomicU64,
    /// How many connections were closed because their clients changed the windows of all streams too often.
    pub(crate) connections_of_walks: AtomicU64,
    pub(crate) in_flight: Budget,
    pub(crate) buffered_bytes: Budget,
    pub(crate) health: Health,
    pub(crate) counters: Counters,
    seen_calls: Mutex<SeenCalls>,
    /// When the first worker was made, by the clock that it reads.
    began: OnceLock<(Clock, Instant)>,
    /// The requests that are waiting for the counters to be rendered.
    pub(crate) scrapes: Scrapes,
    pub(crate) told: LastReports,
    /// Ends the lame duck and the drain at once.
    pub(crate) at_once: CancellationToken,
}

impl Shared {
    /// The shared state for this number of workers.
    pub(crate) fn new(config: Config, workers: usize) -> Arc<Self> {
        let limits = &config.limits;
        Arc::new(Self {
            in_flight: Budget::new(limits.max_in_flight, CALLS_AHEAD, workers),
            buffered_bytes: Budget::new(limits.max_buffered_bytes, BYTES_AHEAD, workers),
            stall: StallClock::of(&config.behavior),
            queue: SharedQueue::of(&config.behavior),
            counters: Counters::new(workers, &config.behavior),
            seen_calls: Mutex::new(SeenCalls::new([random(), random()], SeenCalls::MOST)),
            config,
            host: host_name(),
            connections: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            connections_refused: AtomicU64::new(0),
            connections_accepted: AtomicU64::new(0),
            connections_of_walks: AtomicU64::new(0),
            health: Health::new(),
            began: OnceLock::new(),
            scrapes: Scrapes::default(),
            told: LastReports::default(),
            at_once: CancellationToken::new(),
        })
    }

    /// A worker was made.
    pub(crate) fn begins(&self, clock: Clock) {
        self.began.get_or_init(|| (clock, clock.now()));
    }

    /// When the first worker was made.
    pub(crate) fn began(&self) -> Instant {
        self.began.get().expect("only workers ask for it").1
    }

    /// How long it has been since the first worker was made.
    pub(crate) fn uptime(&self, now: Instant) -> Duration {
        self.began.get().map_or(Duration::ZERO, |(_, began)| now.saturating_duration_since(*began))
    }

    /// How many connections are open.
    pub(crate) fn open_connections(&self) -> usize {
        self.connections.iter().map(|open| open.load(Ordering::Relaxed)).sum()
    }

    /// The number of the connection that is being accepted.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections_accepted.fetch_add(1, Ordering::Relaxed)
    }

    /// How often calls were seen, for `fail_first`.
    pub(crate) fn seen_calls(&self) -> MutexGuard<'_, SeenCalls> {
        self.seen_calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What health checks report: no longer healthy once a shutdown has begun.
    pub(crate) fn is_healthy(&self) -> bool {
        self.health.status() == ServingStatus::Serving
    }

    /// What all workers together have counted so far.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let queue = self.queue_counts();
        self.counters.read(Snapshot::clone).with_queue(queue)
    }

    /// A moment as the queue counts it: in nanoseconds since the first worker was made.
    pub(crate) fn queue_clock(&self, at: Instant) -> u64 {
        nanos(self.uptime(at))
    }

    /// What the server's queue has counted, and what it holds now. [`None`] if it has none.
    pub(crate) fn queue_counts(&self) -> Option<QueueCounts> {
        let queue = self.queue.as_ref()?;
        let now = self.began.get().map_or(0, |(clock, _)| self.queue_clock(clock.now()));
        Some(queue.counts(now))
    }
}

#[cfg(unix)]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}
