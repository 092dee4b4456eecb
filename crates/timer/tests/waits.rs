//! The promises of every wait.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use longsync_timer::{Clock, Timer, WakeReason};

/// Counts how many times it is woken.
#[derive(Default)]
struct WakeCounter(AtomicUsize);

impl Wake for WakeCounter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The one wait that is not under the paused clock: the real clock must not be early either.
#[tokio::test]
async fn a_wait_is_never_early_on_the_real_clock() {
    let timer = Timer::new(Clock::Monotonic);
    for micros in [0, 1, 250, 999, 1_000, 1_001, 2_500] {
        let due = timer.now() + Duration::from_micros(micros);
        assert_eq!(timer.sleep_until(due).await, WakeReason::Due);
        assert!(timer.now() >= due, "{micros} us");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_an_hour_ends_when_it_is_due() {
    let timer = Timer::new(Clock::Tokio);
    let start = timer.now();
    timer.sleep(Duration::from_secs(3600)).await;
    assert_eq!(timer.now() - start, Duration::from_secs(3600));
}

#[tokio::test(start_paused = true)]
async fn a_due_time_that_has_passed_ends_at_once() {
    let timer = Timer::new(Clock::Tokio);
    let start = timer.now();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(timer.sleep_until(start).await, WakeReason::Due);
}

#[tokio::test(start_paused = true)]
async fn fire_all_ends_the_waits_that_exist_polled_or_not() {
    let timer = Timer::new(Clock::Tokio);
    let hour = Duration::from_secs(3600);
    let mut polled = pin!(timer.sleep(hour));
    let unpolled = timer.sleep(hour);
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(polled.as_mut().poll(&mut cx), Poll::Pending);

    let start = timer.now();
    timer.clone().fire_all();

    assert_eq!(polled.await, WakeReason::Fired);
    assert_eq!(unpolled.await, WakeReason::Fired);
    assert_eq!(timer.now(), start);
}

#[tokio::test(start_paused = true)]
async fn fire_all_does_not_touch_later_waits_or_other_timers() {
    let (timer, other) = (Timer::new(Clock::Tokio), Timer::new(Clock::Tokio));
    let of_other = other.sleep(Duration::from_millis(5));
    timer.fire_all();
    assert_eq!(timer.sleep(Duration::from_millis(5)).await, WakeReason::Due);
    assert_eq!(of_other.await, WakeReason::Due);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_leaves_nothing_that_wakes() {
    let (timer, woken) = (Timer::new(Clock::Tokio), Arc::new(WakeCounter::default()));
    {
        let mut dropped = pin!(timer.sleep(Duration::from_millis(1)));
        let waker = Waker::from(Arc::clone(&woken));
        assert_eq!(dropped.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending);
    }
    timer.sleep(Duration::from_secs(1)).await;
    timer.fire_all();
    assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    assert_eq!(Arc::strong_count(&woken), 1, "its waker was not dropped");
}
