//! In the steady state, waits only use memory that earlier waits have left.

use std::future::{Future, poll_fn};
use std::hint::spin_loop;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use longsync_timer::{Clock, Sleep, Timer};
use tokio::runtime::Builder;
use tokio::task::yield_now;

const WAITS: usize = 1_000;

fn entered(mut wait: Sleep) -> Sleep {
    let _ = Pin::new(&mut wait).poll(&mut Context::from_waker(Waker::noop()));
    wait
}

/// A round of waits, all on this thread: half of them are cancelled and half of them end.
fn round(timer: &Timer, waits: &mut Vec<Sleep>) {
    let due = timer.now() + Duration::from_millis(1);
    for number in 0..WAITS as u64 {
        let due = due + Duration::from_nanos(number * 7_919 % 1_000_000);
        waits.push(entered(timer.sleep_until(due)));
    }
    waits.truncate(WAITS / 2);
    while timer.now() < due + Duration::from_millis(1) {
        spin_loop();
    }
    timer.drain_due();
    waits.clear();
}

#[test]
fn waits_take_no_memory_in_the_steady_state() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let _context = runtime.enter();
    let timer = Timer::new(Clock::Monotonic);
    // More than one round ever needs at once, however slow the machine is.
    let mut waits: Vec<Sleep> =
        (0..WAITS).map(|_| entered(timer.sleep(Duration::from_secs(3600)))).collect();
    waits.clear();
    let allocated = allocation_counter::measure(|| {
        for _ in 0..10 {
            round(&timer, &mut waits);
        }
    });
    assert_eq!(allocated.count_total, 0);
}

/// Including the driver, its alarm and tokio's share of the work.
#[test]
fn a_runtime_that_waits_takes_no_memory_in_the_steady_state() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let timer = Timer::new(Clock::Monotonic);
    let wait = || {
        runtime.block_on(async {
            uncounted(yield_now()).await;
            for micros in 0..40 {
                timer.sleep(Duration::from_micros(micros * 50)).await;
            }
        });
    };
    wait();
    assert_eq!(allocation_counter::measure(wait).count_total, 0);
}

/// Leaves out what a future allocates only once: each `block_on` makes a list of yielding tasks when the
/// first one yields.
async fn uncounted(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let mut polled = Poll::Pending;
        allocation_counter::opt_out(|| polled = future.as_mut().poll(cx));
        polled
    })
    .await;
}
