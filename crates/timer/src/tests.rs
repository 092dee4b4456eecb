//! Waits by the precise clock, with every kind of alarm that this system has.

use std::future::{Future, poll_fn};
use std::mem::size_of;
use std::net::{Ipv4Addr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinSet, yield_now};

use crate::alarm::AlarmKind;
use crate::due::BATCH;
use crate::{Clock, Sleep, Timer, WakeReason};

const HOUR: Duration = Duration::from_secs(3600);

fn timers() -> impl Iterator<Item = Timer> {
    AlarmKind::ALL.iter().map(|kind| Timer::with_alarm(Clock::Monotonic, Duration::ZERO, *kind))
}

fn spinning(spin: Duration) -> impl Iterator<Item = Timer> {
    AlarmKind::ALL.iter().map(move |kind| Timer::with_alarm(Clock::Monotonic, spin, *kind))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// Counts how many times it is woken.
#[derive(Debug, Default)]
struct WakeCounter(AtomicUsize);

impl WakeCounter {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for WakeCounter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll(sleep: &mut Sleep, waker: &Waker) -> Poll<WakeReason> {
    Pin::new(sleep).poll(&mut Context::from_waker(waker))
}

/// Lets the clock reach a time without letting any runtime run.
fn pass(timer: &Timer, due: std::time::Instant) {
    while timer.now() < due {
        std::hint::spin_loop();
    }
}

#[test]
fn a_wait_is_small() {
    assert_eq!(size_of::<Sleep>(), 48);
}

#[test]
fn a_wait_is_never_early() {
    for timer in timers().chain(spinning(micros(300))) {
        runtime().block_on(async {
            for length in [0, 1, 50, 299, 300, 301, 999, 1_000, 1_001, 2_500] {
                let due = timer.now() + micros(length);
                assert_eq!(timer.sleep_until(due).await, WakeReason::Due);
                assert!(timer.now() >= due, "{length} us");
            }
        });
    }
}

/// Waits of many lengths, some of them cancelled, on several threads: every other one ends, exactly once.
#[test]
fn no_wait_is_lost_or_left_behind() {
    let runtimes = [runtime(), Builder::new_multi_thread().enable_all().build().unwrap()];
    for (timer, runtime) in
        timers().flat_map(|timer| runtimes.iter().map(move |rt| (timer.clone(), rt)))
    {
        let ended = runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for number in 0..2_000 {
                let timer = timer.clone();
                tasks.spawn(async move {
                    for round in 1..4 {
                        let due = timer.now() + micros(number * round * 7_919 % 20_000);
                        tokio::select! {
                            woken = timer.sleep_until(due) => assert_eq!(woken, WakeReason::Due),
                            _ = timer.sleep(micros(10_000)) => {}
                        }
                    }
                });
            }
            tasks.join_all().await.len()
        });
        assert_eq!(ended, 2_000);
        assert_eq!(timer.waits.len(), 0);
    }
}

#[test]
fn fire_all_ends_the_waits_that_exist_polled_or_not() {
    for timer in timers() {
        runtime().block_on(async {
            let (mut polled, unpolled) = (timer.sleep(HOUR), timer.sleep(HOUR));
            let counter = Arc::new(WakeCounter::default());
            assert_eq!(poll(&mut polled, &counter.clone().into()), Poll::Pending);
            timer.fire_all();
            assert_eq!(counter.count(), 1);
            assert_eq!((&mut polled).await, WakeReason::Fired);
            assert_eq!(polled.await, WakeReason::Fired);
            assert_eq!(unpolled.await, WakeReason::Fired);
            assert_eq!(timer.sleep(micros(100)).await, WakeReason::Due);
        });
    }
}

#[test]
fn any_thread_can_wake_due_waits_one_batch_at_a_time() {
    for timer in timers() {
        let runtime = runtime();
        let _context = runtime.enter();
        let counter = Arc::new(WakeCounter::default());
        let waker = counter.clone().into();
        let due = timer.now() + Duration::from_millis(200);
        let mut waits: Vec<Sleep> = (0..BATCH + 10).map(|_| timer.sleep_until(due)).collect();
        for wait in &mut waits {
            assert_eq!(poll(wait, &waker), Poll::Pending);
        }
        assert_eq!(timer.drain_due(), 0);
        pass(&timer, due);
        assert_eq!(timer.drain_due(), BATCH);
        assert_eq!(counter.count(), BATCH);
        // Adding one more wait wakes due waits as well.
        assert_eq!(poll(&mut timer.sleep(HOUR), &waker), Poll::Pending);
        assert_eq!(counter.count(), BATCH + 10);
        assert_eq!(timer.drain_due(), 0);
        assert!(waits.iter_mut().all(|wait| poll(wait, &waker) == Poll::Ready(WakeReason::Due)));
    }
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    for timer in timers() {
        let runtime = runtime();
        let _context = runtime.enter();
        let (first, last) = (Arc::new(WakeCounter::default()), Arc::new(WakeCounter::default()));
        let mut wait = timer.sleep(HOUR);
        for waker in [&first, &last, &last] {
            assert_eq!(poll(&mut wait, &Arc::clone(waker).into()), Poll::Pending);
        }
        assert_eq!(Arc::strong_count(&first), 1);
        timer.fire_all();
        assert_eq!((first.count(), last.count()), (0, 1));
    }
}

/// A waker that holds another wait, as a task's waker does if it is the last handle to the task.
#[derive(Debug)]
struct Holder(#[expect(dead_code, reason = "held to be dropped")] Mutex<Sleep>);

impl Wake for Holder {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn wakers_may_drop_waits_of_the_same_timer() {
    for timer in timers() {
        let runtime = runtime();
        let _context = runtime.enter();
        let holding = || {
            let mut held = timer.sleep(HOUR);
            assert_eq!(poll(&mut held, Waker::noop()), Poll::Pending);
            Waker::from(Arc::new(Holder(Mutex::new(held))))
        };
        let mut dropped = timer.sleep(HOUR);
        assert_eq!(poll(&mut dropped, &holding()), Poll::Pending);
        drop(dropped);
        let mut replaced = timer.sleep(HOUR);
        assert_eq!(poll(&mut replaced, &holding()), Poll::Pending);
        assert_eq!(poll(&mut replaced, &holding()), Poll::Pending);
        timer.fire_all();
        let due = timer.now() + micros(500);
        let mut drained = timer.sleep_until(due);
        let is_pending = poll(&mut drained, &holding()).is_pending();
        pass(&timer, due);
        assert_eq!(timer.drain_due(), usize::from(is_pending));
        drop((replaced, drained));
        assert_eq!(timer.waits.len(), 0);
    }
}

#[test]
fn a_wait_that_has_passed_lets_other_tasks_run() {
    for timer in timers() {
        runtime().block_on(async {
            let past = timer.now();
            let is_done = Arc::new(AtomicBool::new(false));
            let other = Arc::clone(&is_done);
            tokio::spawn(async move { other.store(true, Ordering::Relaxed) });
            while !is_done.load(Ordering::Relaxed) {
                timer.sleep_until(past).await;
            }
        });
    }
}

/// The wait is an hour away and the thread spins the entire time, so nothing here depends on speed.
#[test]
fn sockets_are_served_while_the_thread_spins() {
    for timer in spinning(2 * HOUR) {
        runtime().block_on(async {
            let mut wait = timer.sleep(HOUR);
            assert_eq!(poll(&mut wait, Waker::noop()), Poll::Pending);
            yield_now().await;
            let here = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let to = here.local_addr().unwrap();
            thread::spawn(move || {
                let there = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                there.send_to(b"hello", to).unwrap();
            });
            let mut bytes = [0; 5];
            assert_eq!(here.recv(&mut bytes).await.unwrap(), 5);
            assert_eq!(poll(&mut wait, Waker::noop()), Poll::Pending);
        });
    }
}

#[test]
fn a_timer_outlives_its_runtimes() {
    for timer in timers() {
        for _ in 0..3 {
            assert_eq!(runtime().block_on(timer.sleep(micros(500))), WakeReason::Due);
        }
    }
}

/// As in a test that keeps its runtime and goes on with another one.
#[test]
fn a_runtime_that_is_not_run_delays_no_wait_on_another() {
    for timer in timers() {
        let idle = runtime();
        assert_eq!(idle.block_on(timer.sleep(micros(100))), WakeReason::Due);
        assert_eq!(runtime().block_on(timer.sleep(micros(500))), WakeReason::Due);
        assert_eq!(idle.block_on(timer.sleep(micros(100))), WakeReason::Due);
    }
}

#[test]
fn waits_go_on_when_another_runtime_ends() {
    for timer in timers() {
        let ending = runtime();
        assert_eq!(ending.block_on(timer.sleep(micros(100))), WakeReason::Due);
        runtime().block_on(async {
            let mut wait = pin!(timer.sleep(Duration::from_millis(20)));
            let mut ending = Some(ending);
            let woken = poll_fn(|cx| {
                let polled = wait.as_mut().poll(cx);
                ending.take().into_iter().for_each(Runtime::shutdown_background);
                polled
            });
            assert_eq!(woken.await, WakeReason::Due);
        });
    }
}

/// A wait that was polled on a runtime which has ended goes on where it is polled next.
#[test]
fn a_wait_may_change_runtimes() {
    for timer in timers() {
        let mut wait = timer.sleep(Duration::from_millis(5));
        let counter = Arc::new(WakeCounter::default());
        runtime().block_on(async {
            assert_eq!(poll(&mut wait, &counter.clone().into()), Poll::Pending);
            yield_now().await;
        });
        assert_eq!(counter.count(), 1, "woken because its runtime has ended");
        assert_eq!(runtime().block_on(wait), WakeReason::Due);
    }
}

#[test]
fn threads_wait_on_the_runtime_of_another() {
    let multi = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for timer in timers() {
        let runtime = runtime();
        for handle in [runtime.handle(), multi.handle()] {
            let threads: Vec<_> = (0..20)
                .map(|number| {
                    let (timer, handle) = (timer.clone(), handle.clone());
                    thread::spawn(move || handle.block_on(timer.sleep(micros(number * 100))))
                })
                .collect();
            let joining = handle.spawn_blocking(|| {
                threads.into_iter().all(|thread| thread.join().unwrap() == WakeReason::Due)
            });
            assert!(runtime.block_on(joining).unwrap());
        }
    }
}

#[test]
fn a_wait_on_a_runtime_that_was_shut_down_panics_and_does_not_hang() {
    for timer in timers() {
        let ended = runtime();
        let handle: Handle = ended.handle().clone();
        drop(ended);
        let waiting = AssertUnwindSafe(|| handle.block_on(timer.sleep(HOUR)));
        assert!(catch_unwind(waiting).is_err());
        assert_eq!(timer.waits.len(), 0);
        assert_eq!(runtime().block_on(timer.sleep(micros(100))), WakeReason::Due);
    }
}

#[test]
fn a_driver_ends_with_the_last_handle_and_the_last_wait() {
    for timer in timers() {
        runtime().block_on(async move {
            let tasks = || Handle::current().metrics().num_alive_tasks();
            timer.sleep(micros(100)).await;
            assert_eq!(tasks(), 1);
            let mut wait = timer.sleep(HOUR);
            assert_eq!(poll(&mut wait, Waker::noop()), Poll::Pending);
            drop(timer);
            yield_now().await;
            assert_eq!(tasks(), 1);
            drop(wait);
            while tasks() > 0 {
                yield_now().await;
            }
        });
    }
}
