//! What the handles, the waits and the drivers of one timer share.
//!
//! The lock is taken for each wait, and in the usual case by one thread alone, which costs some
//! nanoseconds. A queue that belongs to its thread would need none, but a timer is often made on
//! another thread than its waits are polled on, and these may be polled by several.
//!
//! Wakers are cloned, woken and dropped without the lock: they can run code that comes back here.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::runtime;

use crate::alarm::{self, Alarm};
use crate::clock::Clock;
use crate::due::{BATCH, Due};
use crate::slab::Key;
use crate::wheel::Wheel;

/// A due time that does not come: nanoseconds since the origin end 584 years after it.
pub(crate) const NEVER: u64 = u64::MAX;

/// An alarm that needs no setting, since its driver looks at the queue before it rests.
const AWAKE: u64 = 0;

#[derive(Debug)]
pub(crate) struct Waits {
    pub(crate) clock: Clock,
    pub(crate) alarm: alarm::Kind,
    /// What the queue's times are counted from.
    pub(crate) origin: Instant,
    spin: u64,
    /// How often all waits were ended together. A wait of before is over.
    fires: AtomicU64,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    wheel: Wheel<Waker>,
    /// One for each runtime that polls waits, in the usual case one.
    drivers: Vec<Driving>,
    driver_ids: u64,
}

/// A driver, as seen by the queue.
#[derive(Debug)]
struct Driving {
    id: DriverId,
    runtime: runtime::Id,
    alarm: Alarm,
    /// When the alarm rings.
    rings: u64,
}

/// Names a driver among those of its timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DriverId(u64);

/// What came of the wish to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entered {
    /// It waits.
    Waiting,
    /// It waits, and its runtime has no driver yet.
    Undriven,
    /// All waits of its time have been ended.
    Fired,
}

/// What a driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Lets others run, and comes again.
    Yield,
    /// Rests until its alarm rings.
    Rest,
}

impl Waits {
    pub(crate) fn new(clock: Clock, spin: Duration, alarm: alarm::Kind) -> Self {
        let queue = Queue { wheel: Wheel::new(), drivers: Vec::new(), driver_ids: 0 };
        Self {
            clock,
            alarm,
            origin: clock.now(),
            spin: nanos(spin),
            fires: AtomicU64::new(0),
            queue: Mutex::new(queue),
        }
    }

    /// A time as the queue counts it.
    pub(crate) fn count(&self, instant: Instant) -> u64 {
        nanos(instant.saturating_duration_since(self.origin))
    }

    /// How often all waits were ended together until now.
    pub(crate) fn fires(&self) -> u64 {
        self.fires.load(Ordering::Acquire)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().wheel.len()
    }

    /// Whether this waker is the one that is woken when the wait is over.
    pub(crate) fn has(&self, key: Key, waker: &Waker) -> bool {
        self.lock().wheel.get_mut(key).is_some_and(|present| present.will_wake(waker))
    }

    /// Lets `waker` be woken at `due`, or when all waits end that were made after so many times. On
    /// the way, wakes what is due at `now`.
    pub(crate) fn enter(
        &self,
        entry: &mut Option<Key>,
        (now, due): (u64, u64),
        fires: u64,
        waker: Waker,
        runtime: Option<runtime::Id>,
    ) -> Entered {
        let (entered, replaced, others);
        {
            let mut queue = self.lock();
            if self.fires() != fires {
                return Entered::Fired;
            }
            let present = entry.and_then(|key| queue.wheel.get_mut(key));
            replaced = if let Some(present) = present {
                Some(mem::replace(present, waker))
            } else {
                *entry = Some(queue.wheel.insert(due, waker));
                None
            };
            let is_driven = runtime.is_none_or(|runtime| queue.is_driven(runtime));
            queue.set_alarms(due.saturating_sub(self.spin));
            entered = if is_driven { Entered::Waiting } else { Entered::Undriven };
            others = queue.take_due(now);
        }
        drop(replaced);
        others.map(Due::wake);
        entered
    }

    /// Ends one wait without waking it.
    pub(crate) fn leave(&self, key: Key) {
        let waker = self.lock().wheel.cancel(key);
        drop(waker);
    }

    /// Wakes a batch of what is due, and tells how many they were.
    pub(crate) fn drain_due(&self) -> usize {
        let now = self.count(self.clock.now());
        let due = self.lock().take_due(now);
        due.map_or(0, Due::wake)
    }

    /// Ends all waits that exist.
    pub(crate) fn fire_all(&self) {
        let mut queue = self.lock();
        self.fires.fetch_add(1, Ordering::Release);
        let wakers = queue.wheel.take_all();
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Takes in a driver, unless its runtime has one. It is expected to take a turn.
    pub(crate) fn admit(&self, runtime: runtime::Id, alarm: Alarm) -> Option<DriverId> {
        let mut queue = self.lock();
        if queue.is_driven(runtime) {
            return None;
        }
        let id = DriverId(queue.driver_ids);
        queue.driver_ids += 1;
        queue.drivers.push(Driving { id, runtime, alarm, rings: AWAKE });
        Some(id)
    }

    /// Wakes a batch of what is due, and sets the driver's alarm for what comes next.
    pub(crate) fn turn(&self, driver: DriverId) -> Turn {
        let now = self.count(self.clock.now());
        let mut due = Due::new();
        let mut queue = self.lock();
        let has_more = queue.wheel.expire(now, BATCH, |waker| due.push(waker));
        let next = if has_more { Some(now) } else { queue.wheel.next_work() };
        let turn = match next {
            Some(next) if next <= now.saturating_add(self.spin) => {
                queue.set_alarm(driver, AWAKE);
                Turn::Yield
            }
            next => {
                queue.set_alarm(driver, next.map_or(NEVER, |next| next - self.spin));
                Turn::Rest
            }
        };
        drop(queue);
        due.wake();
        turn
    }

    /// Forgets a driver whose runtime has ended. What waits is woken, to find itself another one.
    pub(crate) fn dismiss(&self, driver: DriverId) {
        let mut queue = self.lock();
        queue.drivers.retain(|other| other.id != driver);
        let wakers = queue.wheel.take_all();
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A panic elsewhere leaves no half of a change: none of ours runs foreign code under the lock.
    fn lock(&self) -> MutexGuard<'_, Queue> {
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

impl Queue {
    fn is_driven(&self, runtime: runtime::Id) -> bool {
        self.drivers.iter().any(|driver| driver.runtime == runtime)
    }

    fn take_due(&mut self, now: u64) -> Option<Due> {
        if self.wheel.earliest_due()? > now {
            return None;
        }
        let mut due = Due::new();
        self.wheel.expire(now, BATCH, |waker| due.push(waker));
        Some(due)
    }

    /// Lets the alarms ring at `at` that would ring later. Under the lock, so that of two threads the
    /// later does not set an alarm back.
    fn set_alarms(&mut self, at: u64) {
        for driver in &mut self.drivers {
            if at < driver.rings {
                driver.alarm.set(at);
                driver.rings = at;
            }
        }
    }

    fn set_alarm(&mut self, driver: DriverId, at: u64) {
        let Some(driver) = self.drivers.iter_mut().find(|other| other.id == driver) else { return };
        driver.rings = at;
        if at != AWAKE && at != NEVER {
            driver.alarm.set(at);
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}
