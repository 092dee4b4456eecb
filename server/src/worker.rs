//! What the calls of one runtime thread share: timer, counters, limits, and how far a shutdown is.

use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard};

use longsync_timer::{Clock, Timer};
use tokio::sync::{Notify, watch};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::budget::Budget;
use crate::config::Config;
use crate::counters::{Counters, Snapshot};
use crate::foreign::Told;
use crate::health::Health;
use crate::scrapes::Scrapes;

/// What a worker takes ahead of the limit on calls in flight, so that it seldom writes what all share.
const CALLS_AHEAD: u64 = 256;
/// And of the limit on bytes held: as much as one connection reads at a time.
const BYTES_AHEAD: u64 = 64 * 1024;

/// What all workers of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) host: String,
    /// How many connections each worker has.
    pub(crate) connections: Box<[AtomicUsize]>,
    pub(crate) connections_refused: AtomicU64,
    /// How many were accepted, which is the next one's number.
    connections_accepted: AtomicU64,
    /// How many were closed because their clients changed the windows of all streams too often.
    pub(crate) connections_of_walks: AtomicU64,
    pub(crate) in_flight: Budget,
    pub(crate) buffered_bytes: Budget,
    pub(crate) health: Health,
    pub(crate) counters: Counters,
    /// Whoever renders [`metrics`](crate::metrics), in turn.
    pub(crate) scrapes: Scrapes,
    pub(crate) told: Told,
}

impl Shared {
    /// For so many workers.
    pub(crate) fn new(config: Config, workers: usize) -> Arc<Self> {
        let limits = &config.limits;
        Arc::new(Self {
            in_flight: Budget::new(limits.max_in_flight, CALLS_AHEAD, workers),
            buffered_bytes: Budget::new(limits.max_buffered_bytes, BYTES_AHEAD, workers),
            config,
            host: host_name(),
            connections: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            connections_refused: AtomicU64::new(0),
            connections_accepted: AtomicU64::new(0),
            connections_of_walks: AtomicU64::new(0),
            health: Health::new(),
            counters: Counters::new(workers),
            scrapes: Scrapes::default(),
            told: Told::default(),
        })
    }

    /// How many connections are open.
    pub(crate) fn open_connections(&self) -> usize {
        self.connections.iter().map(|open| open.load(Ordering::Relaxed)).sum()
    }

    /// The number of the connection that is accepted now.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections_accepted.fetch_add(1, Ordering::Relaxed)
    }

    /// What health checks are told: no, from the beginning of a shutdown on.
    pub(crate) fn is_healthy(&self) -> bool {
        self.health.status() == ServingStatus::Serving
    }

    /// What all workers counted together, until now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.counters.read(Snapshot::clone)
    }
}

/// How far a shutdown is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// There is none.
    Serving,
    /// Connections were told; calls that wait go on.
    Draining,
    /// Calls that still waited were ended, and new ones end at once.
    Drained,
}

/// What the calls of one runtime thread share.
///
/// A [`Server`](crate::Server) makes one for each of its threads. One made here serves the
/// connections that [`serve_connection`](crate::serve_connection) is given, on its caller's runtime.
#[derive(Debug)]
pub struct Worker {
    pub(crate) index: usize,
    pub(crate) timer: Timer,
    pub(crate) shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    calls: AtomicUsize,
    /// How many connections have not been told of a shutdown, or may not have heard of it.
    untold: AtomicUsize,
    idle: Notify,
}

impl Worker {
    /// A worker on its own, with the behavior, limits and drain of `config`.
    pub fn new(config: Config, clock: Clock) -> Arc<Self> {
        let shared = Shared::new(config, 1);
        shared.health.set(ServingStatus::Serving);
        Self::of(shared, 0, clock)
    }

    pub(crate) fn of(shared: Arc<Shared>, index: usize, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            index,
            timer: Timer::with_spin(clock, shared.config.spin),
            shared,
            phase: watch::Sender::new(Phase::Serving),
            calls: AtomicUsize::new(0),
            untold: AtomicUsize::new(0),
            idle: Notify::new(),
        })
    }

    /// What this worker, and all that share its server, counted until now.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// Shuts down: health checks are told, clients are told to open no more calls (GOAWAY), and calls
    /// may go on for the configured drain. Calls that cross that word on the wire are served as any
    /// other, for a client has heard it only when the PING behind it came back, or after a second.
    /// Returns when every client was told and no call is left, or when the drain is over; what still
    /// waits then ends with `UNAVAILABLE`, as does every call that arrives later.
    ///
    /// # Cancel safety
    /// A drain whose future is dropped goes no further: calls that wait are not ended by it. It can be
    /// begun again; calls are told once.
    pub async fn drain(&self) {
        self.shared.health.set(ServingStatus::NotServing);
        self.go_on_to(Phase::Draining);
        let drain = self.timer.sleep(self.shared.config.drain);
        tokio::select! {
            () = self.all_is_over() => {}
            _ = drain => {}
        }
        self.go_on_to(Phase::Drained);
        self.timer.fire_all();
    }

    /// A shutdown never goes back.
    fn go_on_to(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let is_further = *now < phase;
            if is_further {
                *now = phase;
            }
            is_further
        });
    }

    /// Ends when a shutdown is as far as `phase`.
    pub(crate) fn reaches(&self, phase: Phase) -> impl Future<Output = Phase> + Send + use<> {
        let mut now = self.phase.subscribe();
        async move {
            // The sender lives in the worker, and all that wait have that.
            let _ = now.wait_for(|now| *now >= phase).await;
            phase
        }
    }

    pub(crate) fn is_drained(&self) -> bool {
        *self.phase.borrow() == Phase::Drained
    }

    pub(crate) fn counters(&self) -> MutexGuard<'_, Snapshot> {
        self.shared.counters.of(self.index)
    }

    pub(crate) fn call_started(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn call_ended(&self) {
        if self.calls.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.idle.notify_one();
        }
    }

    pub(crate) fn connection_opened(&self) {
        self.untold.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection will bring no more calls, or had its time to learn that it should not.
    pub(crate) fn connection_told(&self) {
        if self.untold.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.idle.notify_one();
        }
    }

    async fn all_is_over(&self) {
        while self.untold.load(Ordering::Relaxed) + self.calls.load(Ordering::Relaxed) > 0 {
            self.idle.notified().await;
        }
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
