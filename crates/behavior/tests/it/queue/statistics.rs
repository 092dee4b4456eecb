//! Simulated queues against queueing theory. The formulas are written here once more, as they are in Kleinrock,
//! "Queueing Systems", volume 1.
//!
//! How many arrivals a mean within 5 % takes was found by simulation: the closer to full utilization, the more.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "all numbers are far below 2^52, and none is negative"
)]

use longsync_behavior::Queue;
use longsync_behavior::QueueOrder;
use longsync_behavior::queue::{Entry, QueuedCall, ServiceStart, VirtualQueue};

/// Written down before the first run.
const SEEDS: [u64; 3] = [1, 2, 3];

/// The mean service, in nanoseconds.
const MEAN: f64 = 1e6;

#[derive(Debug, Clone, Copy)]
enum Service {
    Exponential,
    Constant,
    Uniform,
}

/// Xorshift, by G. Marsaglia (2003), with the multiplication of S. Vigna (2016).
struct Numbers(u64);

impl Numbers {
    fn new(seed: u64) -> Self {
        let mut numbers = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        (0..100).for_each(|_| {
            numbers.next();
        });
        numbers
    }

    /// Between 0 and 1, both excluded.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        ((mixed >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -libm::log(self.next()) * mean
    }

    fn service(&mut self, service: Service) -> u64 {
        let nanos = match service {
            Service::Exponential => self.exponential(MEAN),
            Service::Constant => MEAN,
            Service::Uniform => 2.0 * MEAN * self.next(),
        };
        nanos.round() as u64
    }
}

#[derive(Default)]
struct Outcome {
    arrivals: u64,
    shed: u64,
    /// How long each call stood that was not refused, in nanoseconds.
    queued: Vec<u64>,
    /// The integral of the number of calls that stood.
    standing_nanos: u128,
}

impl Outcome {
    fn shed(&self) -> f64 {
        self.shed as f64 / self.arrivals as f64
    }

    /// In mean services.
    fn mean_queued(&self) -> f64 {
        self.queued.iter().map(|it| *it as f64).sum::<f64>() / self.queued.len() as f64 / MEAN
    }

    fn p999(&self) -> u64 {
        let mut queued = self.queued.clone();
        let rank = queued.len() * 999 / 1_000;
        *queued.select_nth_unstable(rank).1
    }
}

struct Simulation {
    queue: VirtualQueue<u64>,
    started: Vec<ServiceStart<u64>>,
    outcome: Outcome,
}

impl Simulation {
    /// Lets this many calls arrive, of which `load` workers could serve all, and ends when all have been served.
    fn run(queue: &Queue, service: Service, load: f64, arrivals: u64, seed: u64) -> Outcome {
        let (mut numbers, mut now) = (Numbers::new(seed), 0.0);
        let (queue, outcome) = (VirtualQueue::new(queue), Outcome::default());
        let mut simulation = Self { queue, started: Vec::new(), outcome };
        for _ in 0..arrivals {
            now += numbers.exponential(MEAN / load);
            let call = QueuedCall { service: Some(numbers.service(service)), deadline: None };
            simulation.arrive(now.round() as u64, call);
        }
        simulation.advance(u64::MAX);
        simulation.outcome.arrivals = arrivals;
        simulation.outcome
    }

    fn arrive(&mut self, at: u64, call: QueuedCall) {
        self.advance(at);
        match self.queue.arrive(at, call, || at, &mut self.started) {
            Entry::Serving { since, .. } => self.outcome.queued.push(since - at),
            Entry::Standing(_) => {}
            Entry::Shed => self.outcome.shed += 1,
        }
    }

    /// From event to event, because the number of calls that stand changes only then.
    fn advance(&mut self, to: u64) {
        while let Some(at) = self.queue.next_event().filter(|at| *at <= to) {
            self.stand_until(at);
            self.queue.advance(at, &mut self.started);
            for start in self.started.drain(..) {
                self.outcome.queued.push(start.since - start.waiting);
            }
        }
        if to < u64::MAX {
            self.stand_until(to);
            self.queue.advance(to, &mut self.started);
        }
    }

    fn stand_until(&mut self, to: u64) {
        let standing = self.queue.standing() as u128;
        self.outcome.standing_nanos += standing * u128::from(to - self.queue.clock());
    }
}

fn unbounded(workers: u32) -> Queue {
    Queue::new(workers, Queue::MOST).expect("a queue")
}

/// Erlang's B as the quotient of sums (Kleinrock, equation 3.44).
fn erlang_b(workers: u32, load: f64) -> f64 {
    let terms = (0..=workers).scan(1.0, |term, worker| {
        let this = *term;
        *term *= load / f64::from(worker + 1);
        Some(this)
    });
    let terms: Vec<f64> = terms.collect();
    terms[workers as usize] / terms.iter().sum::<f64>()
}

/// The mean time that calls stand in M/M/c, in mean services (Kleinrock, equation 3.40).
fn mean_of_exponential(workers: u32, load: f64) -> f64 {
    let blocked = erlang_b(workers, load);
    let utilization = load / f64::from(workers);
    let waits = blocked / (1.0 - utilization * (1.0 - blocked));
    waits / (f64::from(workers) - load)
}

/// The share of refused calls in M/M/c/(c + limit): the weight of the last state among all.
fn shed_of_bounded(workers: u32, limit: u32, load: f64) -> f64 {
    let weights = (0..=workers + limit).scan(1.0, |weight, state| {
        let this = *weight;
        *weight *= load / f64::from((state + 1).min(workers));
        Some(this)
    });
    let weights: Vec<f64> = weights.collect();
    weights[(workers + limit) as usize] / weights.iter().sum::<f64>()
}

fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    let off = found / expected - 1.0;
    assert!(off.abs() <= tolerance, "{what}: {found}, {expected} expected");
}

fn assert_mean_queued(workers: u32, service: Service, utilization: f64, arrivals: u64, seed: u64) {
    let load = utilization * f64::from(workers);
    let outcome = Simulation::run(&unbounded(workers), service, load, arrivals, seed);
    let exponential = mean_of_exponential(workers, load);
    // Pollaczek and Khinchine: half of it, for one worker.
    let expected =
        if matches!(service, Service::Constant) { exponential / 2.0 } else { exponential };
    let what = format!("{workers} workers, {service:?}, {utilization}, seed {seed}");
    assert_near(outcome.mean_queued(), expected, 0.05, &what);
}

#[test]
fn mean_waits_at_half_utilization_are_those_of_theory() {
    for seed in SEEDS {
        assert_mean_queued(1, Service::Exponential, 0.5, 300_000, seed);
        assert_mean_queued(1, Service::Constant, 0.5, 300_000, seed);
    }
}

#[test]
#[ignore = "it simulates 36 million arrivals: .ci/run --all does that in an optimized build"]
fn mean_waits_at_moderate_utilization_are_those_of_theory() {
    for (workers, service) in
        [(1, Service::Exponential), (1, Service::Constant), (8, Service::Exponential)]
    {
        for utilization in [0.5, 0.8] {
            for seed in SEEDS {
                assert_mean_queued(workers, service, utilization, 2_000_000, seed);
            }
        }
    }
}

#[test]
#[ignore = "it simulates 108 million arrivals: .ci/run --all does that in an optimized build"]
fn mean_waits_close_to_full_utilization_are_those_of_theory() {
    for (workers, service) in
        [(1, Service::Exponential), (1, Service::Constant), (8, Service::Exponential)]
    {
        for seed in SEEDS {
            assert_mean_queued(workers, service, 0.95, 12_000_000, seed);
        }
    }
}

#[test]
fn a_bounded_line_refuses_as_many_calls_as_theory_says() {
    for (workers, limit, load) in [(1, 3, 0.8), (2, 5, 1.8), (3, 2, 4.0)] {
        let queue = Queue::new(workers, limit).unwrap();
        for seed in SEEDS {
            let found = Simulation::run(&queue, Service::Exponential, load, 200_000, seed).shed();
            let expected = shed_of_bounded(workers, limit, load);
            assert_near(found, expected, 0.05, &format!("{workers} {limit} {load} {seed}"));
        }
    }
}

/// Whatever the distribution of service.
#[test]
fn a_loss_system_refuses_as_many_calls_as_erlangs_b_says() {
    let queue = Queue::new(10, 0).unwrap();
    for service in [Service::Exponential, Service::Constant, Service::Uniform] {
        let found = Simulation::run(&queue, service, 8.0, 300_000, SEEDS[0]).shed();
        assert_near(found, erlang_b(10, 8.0), 0.03, &format!("{service:?}"));
    }
}

#[test]
fn the_last_first_has_the_same_mean_and_a_longer_tail() {
    let run = |queue: &Queue| Simulation::run(queue, Service::Exponential, 1.6, 300_000, SEEDS[0]);
    let fifo = run(&unbounded(2));
    let lifo = run(&unbounded(2).with_order(QueueOrder::Lifo));
    assert_near(lifo.mean_queued(), fifo.mean_queued(), 0.05, "LIFO and FIFO");
    assert!(lifo.p999() > 2 * fifo.p999(), "{} {}", lifo.p999(), fifo.p999());
}

/// J. D. C. Little (1961). In a queue that is empty at the beginning and at the end, it is exact.
#[test]
fn the_calls_that_stand_are_the_calls_times_their_time() {
    for queue in [unbounded(2), Queue::new(2, 3).unwrap().with_order(QueueOrder::Lifo)] {
        let outcome = Simulation::run(&queue, Service::Exponential, 1.8, 50_000, SEEDS[0]);
        let queued: u128 = outcome.queued.iter().map(|it| u128::from(*it)).sum();
        assert_eq!(outcome.standing_nanos, queued);
        assert_eq!(outcome.queued.len() as u64 + outcome.shed, outcome.arrivals);
    }
}
