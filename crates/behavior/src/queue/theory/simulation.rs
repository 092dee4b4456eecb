//! A simulated queue, for figures that have no formula.

use crate::delay::Delay;
use crate::key::uniform;
use crate::queue::{Entry, Queue, QueuedCall, ServiceStart, VirtualQueue};
use crate::shape::float;

/// Written down before the first run.
const SEED: u64 = 1_917;

/// What a simulation measured.
pub(super) struct SimulatedQueue {
    taken: u64,
    /// How many calls are refused on average while the queue is full for as long as it was.
    refused: f64,
    waited: u64,
    /// In nanoseconds.
    queued: f64,
    /// The sum of the services of the calls that were taken, in nanoseconds.
    drawn: f64,
    /// From 0 to 1.
    utilization: f64,
    responses: LogHistogram,
}

/// How a simulation is run. Times are in nanoseconds.
pub(super) struct Plan<'a> {
    pub(super) queue: &'a Queue,
    pub(super) delay: &'a Delay,
    /// The mean time from one arrival to the next.
    pub(super) interval: f64,
    /// The mean service.
    pub(super) mean: f64,
    /// How many calls are taken.
    pub(super) calls: u64,
}

/// A call that stands. Those that arrive before the queue has come into its steady state are not recorded.
struct StandingCall {
    at: u64,
    service: u64,
    is_recorded: bool,
}

/// Simulated moments are in units of `unit` nanoseconds, so that even years fit.
struct Run {
    queue: VirtualQueue<StandingCall>,
    started: Vec<ServiceStart<StandingCall>>,
    workers: usize,
    limit: usize,
    unit: f64,
    /// In units.
    interval: f64,
    /// In units.
    now: f64,
    /// The sum of the services that have begun, in units.
    begun: u128,
    result: SimulatedQueue,
}

impl Plan<'_> {
    /// How many workers would be busy if there were enough, for each worker.
    fn load(&self) -> f64 {
        self.mean / self.interval / f64::from(self.queue.workers())
    }

    /// The mean time from one call that is taken to the next, if as many are as possible.
    fn between_calls(&self) -> f64 {
        self.interval.max(self.mean / f64::from(self.queue.workers()))
    }

    /// Lets calls arrive as a Poisson process until enough of them have been taken. A tenth of them, which come
    /// first, are not recorded. If the load is above 1, the queue is full from the beginning, because it may
    /// take longer than the simulation to become full.
    pub(super) fn run(&self) -> SimulatedQueue {
        let Self { queue, delay, calls, .. } = *self;
        let mut numbers = SplitMix64(SEED);
        let mut run = Run::new(self);
        let full = u64::from(queue.workers()) + u64::from(queue.limit());
        for _ in 0..if self.load() > 1.0 { full } else { 0 } {
            run.arrive(draw_service(delay, &mut numbers), false);
        }
        let mut recorded_from = (0, 0);
        for call in 0..calls {
            let is_recorded = call >= calls / 10;
            run.wait_for_room(is_recorded);
            run.now += -libm::log(numbers.next()) * run.interval;
            run.arrive(draw_service(delay, &mut numbers), is_recorded);
            if call == calls / 10 {
                recorded_from = run.busy();
            }
        }
        run.result.utilization = run.utilization_since(recorded_from, queue.workers());
        run.queue.advance(u64::MAX, &mut run.started);
        run.record();
        run.result
    }
}

impl SimulatedQueue {
    pub(super) fn shed(&self) -> f64 {
        if self.refused > 0.0 { self.refused / (self.refused + float(self.taken)) } else { 0.0 }
    }

    /// Of the calls that were not refused.
    pub(super) fn waits(&self) -> f64 {
        per(float(self.waited), self.taken)
    }

    /// In nanoseconds.
    pub(super) fn mean_queued(&self) -> f64 {
        per(self.queued, self.taken)
    }

    /// The mean of the services that were drawn, in nanoseconds.
    pub(super) fn mean_drawn(&self) -> f64 {
        per(self.drawn, self.taken)
    }

    /// The share of time for which a worker was busy, from 0 to 1.
    pub(super) fn utilization(&self) -> f64 {
        self.utilization
    }

    /// In nanoseconds, to half a percent, and exact if all responses are equal.
    pub(super) fn response_quantile(&self, p: f64) -> f64 {
        self.responses.quantile(p)
    }
}

impl Run {
    fn new(plan: &Plan<'_>) -> Self {
        const FINEST: f64 = 1e-9;
        let queue = VirtualQueue::new(plan.queue);
        let result = SimulatedQueue {
            taken: 0,
            refused: 0.0,
            waited: 0,
            queued: 0.0,
            drawn: 0.0,
            utilization: 0.0,
            responses: LogHistogram::default(),
        };
        let unit = (plan.between_calls() * FINEST).max(1.0);
        Self {
            queue,
            started: Vec::new(),
            workers: count(plan.queue.workers()),
            limit: count(plan.queue.limit()),
            unit,
            interval: plan.interval / unit,
            now: 0.0,
            begun: 0,
            result,
        }
    }

    /// If the queue is full, passes over the calls that are refused until a worker becomes free. Far above
    /// capacity that is nearly all of them, so that they are not drawn but only their mean number is counted.
    /// This changes no figure: a Poisson process has no memory, and the first call after that moment comes as
    /// long after it as after any other.
    fn wait_for_room(&mut self, is_recorded: bool) {
        if self.queue.busy() < self.workers || self.queue.standing() < self.limit {
            return;
        }
        let Some(end) = self.queue.next_event() else { return };
        if is_recorded {
            self.result.refused += (float(end) - self.now).max(0.0) / self.interval;
        }
        self.queue.advance(end, &mut self.started);
        self.record();
        self.now = float(end);
    }

    fn arrive(&mut self, service: u64, is_recorded: bool) {
        let at = rounded(self.now);
        let call = QueuedCall { service: Some(self.units(service)), deadline: None };
        let standing = || StandingCall { at, service, is_recorded };
        let entry = self.queue.arrive(at, call, standing, &mut self.started);
        if let Entry::Serving { .. } = entry {
            self.begun += u128::from(self.units(service));
        }
        self.record();
        if !is_recorded {
            return;
        }
        self.result.taken += 1;
        self.result.drawn += float(service);
        match entry {
            Entry::Serving { .. } => self.result.responses.record(float(service)),
            Entry::Standing(_) => self.result.waited += 1,
            // There was room.
            Entry::Shed => {}
        }
    }

    fn units(&self, nanos: u64) -> u64 {
        rounded(float(nanos) / self.unit)
    }

    /// The time, and for how long workers have been busy until then, all together.
    fn busy(&self) -> (u64, u128) {
        (self.queue.clock(), self.begun - self.queue.rest())
    }

    fn utilization_since(&self, (from, busy_before): (u64, u128), workers: u32) -> f64 {
        let (to, busy) = self.busy();
        let whole = u128::from(to - from) * u128::from(workers);
        if whole == 0 { 0.0 } else { float_of(busy - busy_before) / float_of(whole) }
    }

    fn record(&mut self) {
        let mut started = std::mem::take(&mut self.started);
        for ServiceStart { since, waiting, .. } in started.drain(..) {
            self.begun += u128::from(self.units(waiting.service));
            if waiting.is_recorded {
                let queued = float(since - waiting.at) * self.unit;
                self.result.queued += queued;
                self.result.responses.record(queued + float(waiting.service));
            }
        }
        self.started = started;
    }
}

/// In nanoseconds.
fn draw_service(delay: &Delay, numbers: &mut SplitMix64) -> u64 {
    let drawn = delay.draw(numbers.next(), 1);
    u64::try_from(drawn.as_nanos()).unwrap_or(u64::MAX)
}

/// G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators" (2014).
struct SplitMix64(u64);

impl SplitMix64 {
    /// The next number between 0 and 1, both excluded.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        uniform(mixed)
    }
}

/// Values in buckets whose width is less than a hundredth of the values in them.
struct LogHistogram {
    buckets: Vec<Bucket>,
    total: u64,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    count: u64,
    sum: u128,
}

impl LogHistogram {
    /// The buckets between a power of two and the next.
    const PER_OCTAVE: u64 = 128;

    fn index(value: u64) -> usize {
        let octave = (value | Self::PER_OCTAVE).ilog2() - Self::PER_OCTAVE.ilog2();
        let index = u64::from(octave) * Self::PER_OCTAVE + (value >> octave);
        // At most 58 octaves of 128 buckets.
        usize::try_from(index).unwrap_or(usize::MAX)
    }

    fn record(&mut self, value: f64) {
        let value = rounded(value);
        let bucket = &mut self.buckets[Self::index(value)];
        bucket.count += 1;
        bucket.sum += u128::from(value);
        self.total += 1;
    }

    /// The mean of the values that are in one bucket with the value of this rank: it lies between recorded
    /// values, as the middle of the bucket need not, and is exact if they are all equal.
    fn quantile(&self, p: f64) -> f64 {
        let rank = rounded((p * float(self.total)).ceil()).max(1);
        let mut up_to = 0;
        let bucket = self.buckets.iter().find(|bucket| {
            up_to += bucket.count;
            up_to >= rank
        });
        bucket.map_or(0.0, |it| float_of(it.sum / u128::from(it.count)))
    }
}

impl Default for LogHistogram {
    fn default() -> Self {
        Self { buckets: vec![Bucket::default(); Self::index(u64::MAX) + 1], total: 0 }
    }
}

fn per(sum: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum / float(count) }
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "the nearest float is good enough for statistics")]
fn float_of(number: u128) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are not negative, and one that is too long becomes the longest"
)]
fn rounded(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_recorded_values_to_half_a_percent() {
        let mut histogram = LogHistogram::default();
        (1..=100_000_u32).for_each(|value| histogram.record(f64::from(value) * 1e4));
        for p in [0.000_01, 0.5, 0.99, 1.0] {
            let (found, expected) = (histogram.quantile(p), p * 1e9);
            assert!((found / expected - 1.0).abs() <= 0.005, "{p}: {found} {expected}");
        }
    }

    #[test]
    fn all_values_have_a_bucket() {
        let mut histogram = LogHistogram::default();
        for value in [0.0, 127.0, 128.0, 255.0, 256.0, 257.0, 1e30] {
            histogram.record(value);
        }
        assert_eq!(histogram.total, 7);
        assert!(histogram.quantile(1.0) > 1.8e19);
    }
}
