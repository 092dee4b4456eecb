//! What it costs to insert, cancel and end a wait while others wait.
//!
//! Measured through the public interface, so including its lock and its clock reads, next to tokio's own
//! timer.
//!
//! `cargo bench -p longsync-timer --bench queue`

use std::future::Future;
use std::hint::{black_box, spin_loop};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longsync_timer::{Clock, Sleep, Timer};
use tokio::runtime::{Builder, Runtime};

const SIZES: [usize; 3] = [1, 1_000, 1_000_000];

/// Long enough that none comes due meanwhile.
const LONG: Duration = Duration::from_secs(600);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn enter(wait: &mut (impl Future + Unpin)) {
    let polled = Pin::new(wait).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
}

/// Waits of ten to twenty minutes, in no particular order.
fn length(number: usize) -> Duration {
    LONG + Duration::from_nanos(scattered(number, 600_000_000_000))
}

/// Pseudo-random, and the same in every run.
fn scattered(number: usize, below: u64) -> u64 {
    (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) % below
}

fn entered(mut waits: Vec<Sleep>) -> Vec<Sleep> {
    for wait in &mut waits {
        enter(wait);
    }
    waits
}

fn waiting(timer: &Timer, count: usize) -> Vec<Sleep> {
    entered((0..count).map(|number| timer.sleep(length(number))).collect())
}

/// One more wait that is cancelled, as most deadlines are, while the given number of others wait.
fn insert_and_cancel(c: &mut Criterion) {
    let runtime = runtime();
    let _context = runtime.enter();
    let mut group = c.benchmark_group("insert and cancel");
    for count in SIZES {
        let timer = Timer::new(Clock::Monotonic);
        let waits = waiting(&timer, count);
        let mut number = 0;
        group.bench_function(BenchmarkId::new("longsync", count), |b| {
            b.iter(|| {
                number += 1;
                let mut wait = timer.sleep(length(number));
                enter(&mut wait);
                black_box(&wait);
            });
        });
        drop(waits);
        let waits: Vec<_> = (0..count).map(|number| sleeping(length(number))).collect();
        group.bench_function(BenchmarkId::new("tokio", count), |b| {
            b.iter(|| {
                number += 1;
                let mut wait = std::pin::pin!(tokio::time::sleep(length(number)));
                enter(&mut wait);
                black_box(&wait);
            });
        });
        drop(waits);
    }
    group.finish();
}

fn sleeping(length: Duration) -> Pin<Box<tokio::time::Sleep>> {
    let mut wait = Box::pin(tokio::time::sleep(length));
    enter(&mut wait);
    wait
}

/// The given number of waits inserted into an empty queue; the same waits cancelled in another order.
fn insert_all_and_cancel_all(c: &mut Criterion) {
    let runtime = runtime();
    let _context = runtime.enter();
    for (name, is_cancel) in [("insert", false), ("cancel", true)] {
        let mut group = c.benchmark_group(name);
        group.sample_size(20);
        for count in SIZES {
            group.throughput(Throughput::Elements(count as u64));
            let timer = Timer::new(Clock::Monotonic);
            // The slab has grown, so the steady state is measured.
            drop(waiting(&timer, count));
            group.bench_function(BenchmarkId::from_parameter(count), |b| {
                if is_cancel {
                    let shuffled = || {
                        let mut waits: Vec<_> =
                            waiting(&timer, count).into_iter().map(Some).collect();
                        let step = 7_919 % count.max(2);
                        let order = (0..count).map(|number| number * step % count);
                        order.map(|index| waits[index].take()).collect::<Vec<_>>()
                    };
                    b.iter_batched(shuffled, drop, BatchSize::PerIteration);
                } else {
                    let made = || (0..count).map(|number| timer.sleep(length(number))).collect();
                    b.iter_batched(made, entered, BatchSize::PerIteration);
                }
            });
        }
        group.finish();
    }
}

/// The given number of waits come due, one per 100 ns, and are taken out.
fn fire(c: &mut Criterion) {
    let runtime = runtime();
    let _context = runtime.enter();
    let mut group = c.benchmark_group("fire");
    group.sample_size(10).measurement_time(Duration::from_secs(20));
    for count in SIZES {
        group.throughput(Throughput::Elements(count as u64));
        let timer = Timer::new(Clock::Monotonic);
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter_custom(|rounds| (0..rounds).map(|_| fire_once(&timer, count)).sum());
        });
    }
    group.finish();
}

/// How long it takes to end all of them, including the sinking through the levels.
fn fire_once(timer: &Timer, count: usize) -> Duration {
    let spread = count as u64 * 100;
    let first = timer.now() + Duration::from_nanos(2_000 + spread * 3);
    let due = |number: usize| first + Duration::from_nanos(scattered(number, spread));
    let mut waits: Vec<Sleep> = (0..count).map(|number| timer.sleep_until(due(number))).collect();
    let woken = Arc::new(WakeCounter::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    // If this thread is held up for long, some are due by then.
    let is_entered = |wait: &mut Sleep| Pin::new(wait).poll(&mut cx).is_pending();
    let entered = waits.iter_mut().map(is_entered).filter(|is_entered| *is_entered).count();
    while timer.now() < first + Duration::from_nanos(spread) {
        spin_loop();
    }
    let start = Instant::now();
    while woken.0.load(Ordering::Relaxed) < entered {
        timer.drain_due();
    }
    start.elapsed()
}

/// Counts how many times it is woken.
#[derive(Debug, Default)]
struct WakeCounter(AtomicUsize);

impl Wake for WakeCounter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

criterion_group!(benches, insert_and_cancel, insert_all_and_cancel_all, fire);
criterion_main!(benches);
