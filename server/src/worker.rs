//! What the calls of one runtime thread share: timer, counters, limits, and the progress of a shutdown.

pub(crate) mod queue;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use longsync_behavior::{self as behavior, Behavior, Fault, FaultClause};
use longsync_timer::{Clock, Timer};
use tokio::sync::{Notify, watch};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::call::behavior_cache::BehaviorCache;
use crate::call::wall_clock::WallClock;
use crate::config::{Config, Limits};
use crate::shared::Shared;
use crate::shared::counters::Snapshot;

/// The progress of a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ShutdownPhase {
    /// No shutdown has begun.
    Serving,
    /// Connections are notified; waiting calls continue.
    Draining,
    /// Calls that were still waiting have been ended, and new ones end at once.
    Drained,
}

/// What the calls of one runtime thread share.
///
/// A [`Server`](crate::Server) creates one for each of its threads. One that you create yourself serves the
/// connections that are passed to [`serve_connection`](crate::serve_connection), on the caller's runtime.
#[derive(Debug)]
pub struct Worker {
    index: usize,
    timer: Timer,
    shared: Arc<Shared>,
    behaviors: Mutex<BehaviorCache>,
    wall_clock: WallClock,
    phase: watch::Sender<ShutdownPhase>,
    calls: AtomicUsize,
    /// How many connections have not been notified of a shutdown, or may not have received the notice.
    untold: AtomicUsize,
    idle: Notify,
}

impl Worker {
    /// A standalone worker, with the behavior, limits and drain of `config`.
    pub fn new(config: Config, clock: Clock) -> Arc<Self> {
        let shared = Shared::new(config, 1);
        shared.health.set(ServingStatus::Serving);
        Self::of(shared, 0, clock)
    }

    pub(crate) fn of(shared: Arc<Shared>, index: usize, clock: Clock) -> Arc<Self> {
        let timer = Timer::with_spin(clock, shared.config.spin);
        shared.begins(clock);
        if let Some(stall) = &shared.stall {
            stall.takes_effect(timer.now());
        }
        Arc::new(Self {
            index,
            timer,
            shared,
            behaviors: Mutex::default(),
            wall_clock: WallClock::default(),
            phase: watch::Sender::new(ShutdownPhase::Serving),
            calls: AtomicUsize::new(0),
            untold: AtomicUsize::new(0),
            idle: Notify::new(),
        })
    }

    /// What this worker, and all others of its server, have counted so far.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// Shuts down: health checks report it, clients are told to open no more calls (GOAWAY), and calls
    /// may continue for the configured drain. Calls that cross the GOAWAY on the wire are served like
    /// any other: a client is assumed to have read it only when the PING that follows it comes back, or
    /// after one second. Returns when every client was notified and no call is left, or when the drain
    /// is over; calls that are still waiting then end with `UNAVAILABLE`, as does every call that
    /// arrives later.
    ///
    /// # Cancel safety
    /// If the future is dropped, the drain goes no further: it does not end the calls that wait. It can be
    /// started again; clients are notified only once.
    pub async fn drain(&self) {
        self.shared.health.set(ServingStatus::NotServing);
        self.go_on_to(ShutdownPhase::Draining);
        let drain = self.timer.sleep(self.shared.config.drain);
        tokio::select! {
            () = self.all_is_over() => {}
            () = self.shared.at_once.cancelled() => {}
            _ = drain => {}
        }
        self.go_on_to(ShutdownPhase::Drained);
        self.timer.fire_all();
    }

    /// Moves on to `phase`; a shutdown never goes back.
    fn go_on_to(&self, phase: ShutdownPhase) {
        self.phase.send_if_modified(|now| {
            let is_further = *now < phase;
            if is_further {
                *now = phase;
            }
            is_further
        });
    }

    /// Resolves when a shutdown has reached `phase`.
    pub(crate) fn reaches(
        &self,
        phase: ShutdownPhase,
    ) -> impl Future<Output = ShutdownPhase> + Send + use<> {
        let mut now = self.phase.subscribe();
        async move {
            // The sender lives in the worker, which everything that waits keeps alive.
            let _ = now.wait_for(|now| *now >= phase).await;
            phase
        }
    }

    pub(crate) fn is_drained(&self) -> bool {
        *self.phase.borrow() == ShutdownPhase::Drained
    }

    /// Its index among the server's workers, from 0.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn timer(&self) -> &Timer {
        &self.timer
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.config.limits
    }

    /// The behavior of a call that does not specify one.
    pub(crate) fn default_behavior(&self) -> &Behavior {
        &self.shared.config.behavior
    }

    /// Whether the server's behavior can send a connection away with an error code; callers' behaviors cannot.
    pub(crate) fn can_go_away(&self) -> bool {
        let is_goaway = |clause: &FaultClause| matches!(clause.fault(), Fault::GoAway(Some(_)));
        self.default_behavior().faults().clauses().any(is_goaway)
    }

    /// What the wall clock showed at a past point in time.
    pub(crate) fn by_wall_clock(&self, at: Instant) -> SystemTime {
        self.wall_clock.at(at, || self.timer.now())
    }

    /// The seed of its calls' draws.
    pub(crate) fn seed(&self) -> u64 {
        self.shared.config.seed
    }

    /// Parses the behavior that a caller sends as text.
    ///
    /// # Errors
    /// A sentence that explains why the text is not a behavior.
    pub(crate) fn read_behavior(&self, text: &str) -> Result<Behavior, String> {
        if self.shared.config.is_fixed {
            // It is refused, whatever it contains.
            return Err("this server's behavior is fixed".to_owned());
        }
        let mut behaviors = self.behaviors.lock().unwrap_or_else(PoisonError::into_inner);
        behaviors.read(text, self.limits().max_delay)
    }

    /// Calls `decide` with the rules on what callers may ask for.
    pub(crate) fn with_rules<T>(&self, decide: impl FnOnce(&behavior::ServerPolicy<'_>) -> T) -> T {
        decide(&behavior::ServerPolicy {
            behavior: self.default_behavior(),
            max_delay: self.limits().max_delay,
            is_fixed: self.shared.config.is_fixed,
            read: &|text| self.read_behavior(text),
        })
    }

    /// The state that all workers share, for matters that concern the server as a whole.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Takes a slot among the calls in flight, unless all are taken.
    #[must_use]
    pub(crate) fn take_slot(&self) -> bool {
        self.shared.in_flight.take(self.index, 1)
    }

    pub(crate) fn give_slots_back(&self, slots: u64) {
        self.shared.in_flight.give_back(self.index, slots);
    }

    /// Takes this many of the bytes that all workers together may hold, if they are left.
    #[must_use]
    pub(crate) fn take_bytes(&self, bytes: u64) -> bool {
        self.shared.buffered_bytes.take(self.index, bytes)
    }

    pub(crate) fn give_bytes_back(&self, bytes: u64) {
        self.shared.buffered_bytes.give_back(self.index, bytes);
    }

    /// How many of the bytes that all workers together may hold are left.
    pub(crate) fn bytes_left(&self) -> u64 {
        self.shared.buffered_bytes.left()
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

    /// Called when a connection will bring no more calls, or its client has had its time to learn not to open
    /// any.
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
