//! The state that the handles, the waits and the drivers of one timer share.
//!
//! The lock is taken for each wait, and usually by one thread alone, which costs a few nanoseconds. A queue
//! that belonged to its thread would need no lock, but a timer is often made on a different thread from the
//! one that polls its waits, and several may poll them.
//!
//! Wakers are cloned, woken and dropped without the lock: they can run code that calls back into this module.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::runtime;

use crate::alarm::{self, Alarm};
use crate::clock::Clock;
use crate::due::{BATCH, DueWakers};
use crate::heap::Heap;
use crate::lead::Lead;
use crate::nanos::{NEVER, nanos};
use crate::slab::SlabKey;

/// An alarm that need not be set, because its driver checks the queue before it rests.
const AWAKE: u64 = 0;

#[derive(Debug)]
pub(crate) struct Waits {
    pub(crate) clock: Clock,
    pub(crate) alarm: alarm::AlarmKind,
    /// The instant from which the queue's times are counted.
    pub(crate) origin: Instant,
    spin: Duration,
    /// How many times all waits were ended together. A wait made before the latest of those is over.
    fires: AtomicU64,
    queue: Mutex<WaitQueue>,
}

#[derive(Debug)]
struct WaitQueue {
    heap: Heap<Waker>,
    /// One per runtime that polls waits; usually there is one.
    drivers: Vec<DriverState>,
    driver_ids: u64,
}

/// A driver, as seen by the queue.
#[derive(Debug)]
struct DriverState {
    id: DriverId,
    runtime: runtime::Id,
    alarm: Alarm,
    /// When the alarm rings.
    rings: u64,
    lead: Lead,
}

/// Names a driver among those of its timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DriverId(u64);

/// The result of entering the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnterResult {
    /// It waits.
    Waiting,
    /// It waits, and its runtime has no driver yet.
    Undriven,
    /// All waits were ended after it was made.
    Fired,
}

/// What a driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Lets others run, and takes another turn.
    Yield,
    /// Rests until its alarm rings.
    Rest,
}

impl Waits {
    pub(crate) fn new(clock: Clock, spin: Duration, alarm: alarm::AlarmKind) -> Self {
        let queue = WaitQueue { heap: Heap::new(), drivers: Vec::new(), driver_ids: 0 };
        Self {
            clock,
            alarm,
            origin: clock.now(),
            spin,
            fires: AtomicU64::new(0),
            queue: Mutex::new(queue),
        }
    }

    /// A time as the queue counts it.
    pub(crate) fn count(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.origin))
    }

    /// How many times all waits were ended together until now.
    pub(crate) fn fires(&self) -> u64 {
        self.fires.load(Ordering::Acquire)
    }

    /// How long its threads have polled instead of sleeping.
    pub(crate) fn polled(&self) -> Duration {
        let queue = self.lock();
        Duration::from_nanos(queue.drivers.iter().map(|driver| driver.lead.polled()).sum())
    }

    /// The number of waits.
    pub(crate) fn len(&self) -> usize {
        self.lock().heap.len()
    }

    /// Whether this is the waker that is woken when the wait is over.
    pub(crate) fn has(&self, key: SlabKey, waker: &Waker) -> bool {
        self.lock().heap.get_mut(key).is_some_and(|present| present.will_wake(waker))
    }

    /// Has `waker` woken at `due`, or when all waits are ended, which had happened `fires` times when its
    /// wait was made. Also wakes the waits that are due at `now`.
    pub(crate) fn enter(
        &self,
        entry: &mut Option<SlabKey>,
        (now, due): (u64, u64),
        fires: u64,
        waker: Waker,
        runtime: Option<runtime::Id>,
    ) -> EnterResult {
        let (entered, replaced, others);
        {
            let mut queue = self.lock();
            if self.fires() != fires {
                return EnterResult::Fired;
            }
            let present = entry.and_then(|key| queue.heap.get_mut(key));
            replaced = if let Some(present) = present {
                Some(mem::replace(present, waker))
            } else {
                *entry = Some(queue.heap.insert(due, waker));
                None
            };
            let is_driven = runtime.is_none_or(|runtime| queue.is_driven(runtime));
            queue.set_alarms(now, due);
            entered = if is_driven { EnterResult::Waiting } else { EnterResult::Undriven };
            others = queue.take_due(now);
        }
        drop(replaced);
        others.map(DueWakers::wake);
        entered
    }

    /// Ends one wait without waking it.
    pub(crate) fn leave(&self, key: SlabKey) {
        let waker = self.lock().heap.cancel(key);
        drop(waker);
    }

    /// Wakes a batch of due waits, and returns how many there were.
    pub(crate) fn drain_due(&self) -> usize {
        let now = self.count(self.clock.now());
        let due = self.lock().take_due(now);
        due.map_or(0, DueWakers::wake)
    }

    /// Ends all waits that exist.
    pub(crate) fn fire_all(&self) {
        let mut queue = self.lock();
        self.fires.fetch_add(1, Ordering::Release);
        let wakers = queue.heap.take_all();
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Adds a driver, unless its runtime has one. It is expected to take a turn.
    pub(crate) fn admit(&self, runtime: runtime::Id, alarm: Alarm) -> Option<DriverId> {
        let mut queue = self.lock();
        if queue.is_driven(runtime) {
            return None;
        }
        let id = DriverId(queue.driver_ids);
        queue.driver_ids += 1;
        let lead = Lead::new(self.spin);
        queue.drivers.push(DriverState { id, runtime, alarm, rings: AWAKE, lead });
        Some(id)
    }

    /// Wakes a batch of due waits, and sets the driver's alarm for the next one.
    pub(crate) fn turn(&self, driver: DriverId) -> Turn {
        let now = self.count(self.clock.now());
        let mut due = DueWakers::new();
        let mut queue = self.lock();
        let has_more = queue.heap.expire(now, BATCH, |waker| due.push(waker));
        let next = if has_more { Some(now) } else { queue.heap.earliest_due() };
        let driver = queue.drivers.iter_mut().find(|other| other.id == driver);
        let turn = driver.map_or(Turn::Rest, |driver| driver.turn(now, next.unwrap_or(NEVER)));
        drop(queue);
        due.wake();
        turn
    }

    /// Forgets a driver whose runtime has ended. All waits are woken, to find another driver.
    pub(crate) fn dismiss(&self, driver: DriverId) {
        let mut queue = self.lock();
        queue.drivers.retain(|other| other.id != driver);
        let wakers = queue.heap.take_all();
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A poisoned lock is safe to use: no foreign code runs under it, so a panic leaves no change half done.
    fn lock(&self) -> MutexGuard<'_, WaitQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waits {
    /// Lets the drivers find out that there is nothing left to drive.
    fn drop(&mut self) {
        let queue = self.queue.get_mut().unwrap_or_else(PoisonError::into_inner);
        for driver in &queue.drivers {
            driver.alarm.set(0);
        }
    }
}

impl WaitQueue {
    fn is_driven(&self, runtime: runtime::Id) -> bool {
        self.drivers.iter().any(|driver| driver.runtime == runtime)
    }

    fn take_due(&mut self, now: u64) -> Option<DueWakers> {
        if self.heap.earliest_due()? > now {
            return None;
        }
        let mut due = DueWakers::new();
        self.heap.expire(now, BATCH, |waker| due.push(waker));
        Some(due)
    }

    /// Brings forward the alarms that would ring too late for `due`. This happens under the lock, so that the
    /// later of two threads does not set an alarm back.
    fn set_alarms(&mut self, now: u64, due: u64) {
        for driver in &mut self.drivers {
            driver.ring_for(now, due);
        }
    }
}

impl DriverState {
    /// Decides what to do until `next`. Before a rest, the alarm is set.
    fn turn(&mut self, now: u64, next: u64) -> Turn {
        if self.rings != AWAKE && self.rings <= now {
            self.lead.learn(now - self.rings);
        }
        if self.lead.covers(now, next) {
            self.rings = AWAKE;
            return Turn::Yield;
        }
        self.rings = NEVER;
        if next != NEVER {
            self.ring_for(now, next);
        }
        Turn::Rest
    }

    /// Has the alarm ring for `due`, unless it rings earlier.
    fn ring_for(&mut self, now: u64, due: u64) {
        let at = due.saturating_sub(self.lead.ahead(now, due));
        if at >= self.rings {
            return;
        }
        self.alarm.set(at);
        // One that rings at once says nothing about how long a sleeping thread takes to notice.
        self.rings = if at > now { at } else { AWAKE };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1_000_000;
    const LATENCY: u64 = 40_000;

    /// Runs `test` with a driver that no runtime runs; the test asks it what it would do.
    fn with_driving(test: impl FnOnce(&mut DriverState)) {
        let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _context = runtime.enter();
        let (alarm, _bell) = alarm::new(alarm::AlarmKind::Portable, Instant::now());
        let (id, lead) = (DriverId(0), Lead::new(Duration::ZERO));
        test(&mut DriverState { id, runtime: runtime.handle().id(), alarm, rings: AWAKE, lead });
    }

    /// Simulates waits of a millisecond, one after another, whose alarms are noticed this late. Returns when
    /// the last was due.
    fn learn(driving: &mut DriverState, latency: u64) -> u64 {
        let mut now = 0;
        for _ in 0..200 {
            let due = now + MILLISECOND;
            assert_eq!(driving.turn(now, due), Turn::Rest);
            let woken = driving.rings + latency;
            if woken < due {
                assert_eq!(driving.turn(woken, due), Turn::Yield);
                assert_eq!(driving.rings, AWAKE);
            }
            now = due.max(woken);
        }
        now
    }

    #[test]
    fn an_alarm_rings_ahead_by_how_late_it_is_noticed() {
        with_driving(|driving| {
            let now = learn(driving, LATENCY);
            let due = now + MILLISECOND;
            assert_eq!(driving.turn(now, due), Turn::Rest);
            let ahead = due - driving.rings;
            assert!((LATENCY - 2_000..LATENCY + 2_000).contains(&ahead), "{ahead}");
        });
    }

    #[test]
    fn a_driver_without_waits_rests_and_is_woken_for_the_next() {
        with_driving(|driving| {
            let now = learn(driving, LATENCY);
            assert_eq!((driving.turn(now, NEVER), driving.rings), (Turn::Rest, NEVER));
            driving.ring_for(now, now + MILLISECOND);
            let rings = driving.rings;
            assert!((now + MILLISECOND - 2 * LATENCY..now + MILLISECOND).contains(&rings));
            driving.ring_for(now, now + 2 * MILLISECOND);
            assert_eq!(driving.rings, rings, "a later wait does not set the alarm back");
        });
    }

    #[test]
    fn nothing_is_learned_from_an_alarm_that_rings_at_once() {
        with_driving(|driving| {
            let mut now = learn(driving, LATENCY);
            let before = driving.lead.ahead(now, now + MILLISECOND);
            for _ in 0..100 {
                now += MILLISECOND;
                assert_eq!(driving.turn(now, NEVER), Turn::Rest);
                // Nearer than the lead.
                driving.ring_for(now, now + 5_000);
                assert_eq!(driving.rings, AWAKE);
                assert_eq!(driving.turn(now + 1_000, now + 5_000), Turn::Yield);
            }
            assert_eq!(driving.lead.ahead(now, now + MILLISECOND), before);
        });
    }
}
