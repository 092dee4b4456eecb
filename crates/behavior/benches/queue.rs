//! The cost of an arrival, of an end and of a cancellation in a queue in which 10,000 calls stand.
//!
//! `cargo bench -p longsync-behavior --bench queue`

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use longsync_behavior::Queue;
use longsync_behavior::queue::{Entry, QueuedCall, ServiceStart, Ticket, VirtualQueue};

const STANDING: u64 = 10_000;
/// How many events are measured at a time.
const EVENTS: u64 = 1_000;
const WORKERS: u32 = 100;

struct Full {
    queue: VirtualQueue<u64>,
    started: Vec<ServiceStart<u64>>,
    tickets: Vec<Ticket>,
    now: u64,
}

/// All calls have deadlines, in no particular order, and so do most calls of gRPC.
fn call(number: u64) -> QueuedCall {
    let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 1_000_000;
    QueuedCall { service: Some(1_000_000 + scattered), deadline: Some(1 << 40 | scattered) }
}

impl Full {
    fn with(standing: u64) -> Self {
        let queue = Queue::new(WORKERS, Queue::MOST).expect("a queue");
        let (queue, started, tickets) = (VirtualQueue::new(&queue), Vec::new(), Vec::new());
        let mut full = Self { queue, started, tickets, now: 0 };
        (0..u64::from(WORKERS) + standing).for_each(|number| full.arrive(number));
        full
    }

    fn arrive(&mut self, number: u64) {
        self.now += 1;
        let entry = self.queue.arrive(self.now, call(number), || number, &mut self.started);
        if let Entry::Standing(ticket) = entry {
            self.tickets.push(ticket);
        }
    }

    /// The next service ends, and the next call begins.
    fn end(&mut self) {
        let Some(at) = self.queue.next_event() else { return };
        self.queue.advance(at, &mut self.started);
        black_box(self.started.drain(..).count());
    }
}

fn events(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("{STANDING} calls stand"));
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("arrival", |b| {
        let arrivals = |full: &mut Full| (0..EVENTS).for_each(|number| full.arrive(number));
        b.iter_batched_ref(|| Full::with(STANDING), arrivals, BatchSize::LargeInput);
    });
    group.bench_function("end and start", |b| {
        let ends = |full: &mut Full| (0..EVENTS).for_each(|_| full.end());
        b.iter_batched_ref(|| Full::with(STANDING + EVENTS), ends, BatchSize::LargeInput);
    });
    group.bench_function("cancellation", |b| {
        let cancel = |full: &mut Full| {
            for index in 0..EVENTS {
                // From all over the line.
                let index = usize::try_from(index * 7_919 % STANDING).unwrap_or_default();
                black_box(full.queue.leave(full.now, full.tickets[index], &mut full.started));
            }
        };
        b.iter_batched_ref(|| Full::with(STANDING + EVENTS), cancel, BatchSize::LargeInput);
    });
}

criterion_group!(benches, events);
criterion_main!(benches);
