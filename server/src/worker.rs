//! What the calls of one runtime thread share: timer, counters, limits, and how far a shutdown is.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use longsync_behavior::{self as behavior, Behavior};
use longsync_timer::{Clock, Timer};
use tokio::sync::{Notify, watch};
use tonic_health::pb::health_check_response::ServingStatus;

use crate::call::behavior_cache::BehaviorCache;
use crate::call::wall_clock::WallClock;
use crate::config::{Config, Limits};
use crate::shared::Shared;
use crate::shared::counters::Snapshot;

/// How far a shutdown is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ShutdownPhase {
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
    index: usize,
    timer: Timer,
    shared: Arc<Shared>,
    texts: Mutex<BehaviorCache>,
    wall_clock: WallClock,
    phase: watch::Sender<ShutdownPhase>,
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
        let timer = Timer::with_spin(clock, shared.config.spin);
        shared.begins(timer.now());
        if let Some(stall) = &shared.stall {
            stall.takes_effect(timer.now());
        }
        Arc::new(Self {
            index,
            timer,
            shared,
            texts: Mutex::default(),
            wall_clock: WallClock::default(),
            phase: watch::Sender::new(ShutdownPhase::Serving),
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
    /// may go on for the configured drain. Calls that cross the GOAWAY on the wire are served like any
    /// other, for a client is taken to have read it only when the PING behind it comes back, or after a
    /// second. Returns when every client was told and no call is left, or when the drain is over; what
    /// still waits then ends with `UNAVAILABLE`, as does every call that arrives later.
    ///
    /// # Cancel safety
    /// A drain whose future is dropped goes no further: calls that wait are not ended by it. It can be
    /// begun again; clients are told once.
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

    /// A shutdown never goes back.
    fn go_on_to(&self, phase: ShutdownPhase) {
        self.phase.send_if_modified(|now| {
            let is_further = *now < phase;
            if is_further {
                *now = phase;
            }
            is_further
        });
    }

    /// Ends when a shutdown is as far as `phase`.
    pub(crate) fn reaches(
        &self,
        phase: ShutdownPhase,
    ) -> impl Future<Output = ShutdownPhase> + Send + use<> {
        let mut now = self.phase.subscribe();
        async move {
            // The sender lives in the worker, and everything that waits holds the worker.
            let _ = now.wait_for(|now| *now >= phase).await;
            phase
        }
    }

    pub(crate) fn is_drained(&self) -> bool {
        *self.phase.borrow() == ShutdownPhase::Drained
    }

    /// Which of its server's workers it is, from 0.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn timer(&self) -> &Timer {
        &self.timer
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.config.limits
    }

    /// How a call behaves that does not say how.
    pub(crate) fn default_behavior(&self) -> &Behavior {
        &self.shared.config.behavior
    }

    /// What the wall clock showed at a moment that has passed.
    pub(crate) fn by_wall_clock(&self, at: Instant) -> SystemTime {
        self.wall_clock.at(at, || self.timer.now())
    }

    /// What its calls draw by.
    pub(crate) fn seed(&self) -> u64 {
        self.shared.config.seed
    }

    /// Reads the behavior that a caller sends as text.
    ///
    /// # Errors
    /// The sentence that says why the text is not one.
    pub(crate) fn read_behavior(&self, text: &str) -> Result<Behavior, String> {
        if self.shared.config.is_fixed {
            // It is refused, whatever it says.
            return Err("this server's behavior is fixed".to_owned());
        }
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.read(text, self.limits().max_delay)
    }

    /// Decides by what callers are allowed to say.
    pub(crate) fn with_rules<T>(&self, decide: impl FnOnce(&behavior::ServerPolicy<'_>) -> T) -> T {
        decide(&behavior::ServerPolicy {
            behavior: self.default_behavior(),
            max_delay: self.limits().max_delay,
            is_fixed: self.shared.config.is_fixed,
            read: &|text| self.read_behavior(text),
        })
    }

    /// What all workers share: for what concerns the server as a whole.
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

    /// Takes this many of the bytes that all may hold, if they are left.
    #[must_use]
    pub(crate) fn take_bytes(&self, bytes: u64) -> bool {
        self.shared.buffered_bytes.take(self.index, bytes)
    }

    pub(crate) fn give_bytes_back(&self, bytes: u64) {
        self.shared.buffered_bytes.give_back(self.index, bytes);
    }

    /// How many bytes are left of those that all may hold.
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

    /// A connection will bring no more calls, or its client has had its time to learn that it should
    /// not.
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
