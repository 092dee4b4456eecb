//! A simulated queue, for figures that have no formula.

use crate::delay::Delay;
use crate::key::uniform;
use crate::queue::{Entry, Queue, QueuedCall, ServiceStart, VirtualQueue};
use crate::shape::float;

/// Written down before the first run.
const SEED: u64 = 1_917;

/// What a simulation measured.
pub(super) struct SimulatedQueue {
    arrivals: u64,
    shed: u64,
    waited: u64,
    /// In nanoseconds.
    queued: f64,
    /// From 0 to 1.
    utilization: f64,
    responses: LogHistogram,
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
    unit: f64,
    /// The sum of the services that have begun, in units.
    begun: u128,
    result: SimulatedQueue,
}

impl SimulatedQueue {
    /// Lets calls arrive as a Poisson process, on average each `interval` nanoseconds after the one before. A
    /// tenth of them, which come first, are not recorded. If the load is above 1, the queue is full from the
    /// beginning, because it may take longer than the simulation to become full.
    pub(super) fn run(
        queue: &Queue,
        delay: &Delay,
        interval: f64,
        load: f64,
        arrivals: u64,
    ) -> Self {
        let mut numbers = SplitMix64(SEED);
        let mut run = Run::new(queue, interval);
        let full = u64::from(queue.workers()) + u64::from(queue.limit());
        for _ in 0..if load > 1.0 { full } else { 0 } {
            run.arrive(0, draw_service(delay, &mut numbers), false);
        }
        let mut now = 0.0;
        let mut recorded_from = (0, 0);
        for arrival in 0..arrivals {
            now += -libm::log(numbers.next()) * interval / run.unit;
            let service = draw_service(delay, &mut numbers);
            run.arrive(rounded(now), service, arrival >= arrivals / 10);
            if arrival == arrivals / 10 {
                recorded_from = run.busy();
            }
        }
        run.result.utilization = run.utilization_since(recorded_from, queue.workers());
        run.queue.advance(u64::MAX, &mut run.started);
        run.record();
        run.result
    }

    pub(super) fn shed(&self) -> f64 {
        share(self.shed, self.arrivals)
    }

    /// Of the calls that were not refused.
    pub(super) fn waits(&self) -> f64 {
        share(self.waited, self.arrivals - self.shed)
    }

    /// In nanoseconds.
    pub(super) fn mean_queued(&self) -> f64 {
        if self.arrivals > self.shed { self.queued / float(self.arrivals - self.shed) } else { 0.0 }
    }

    /// The share of time for which a worker was busy, from 0 to 1. It is measured, because the calls that were
    /// taken may be too few to have drawn the mean delay.
    pub(super) fn utilization(&self) -> f64 {
        self.utilization
    }

    /// In nanoseconds, to half a percent.
    pub(super) fn response_quantile(&self, p: f64) -> f64 {
        self.responses.quantile(p)
    }
}

impl Run {
    fn new(queue: &Queue, interval: f64) -> Self {
        const FINEST: f64 = 1e-9;
        let result = SimulatedQueue {
            arrivals: 0,
            shed: 0,
            waited: 0,
            queued: 0.0,
            utilization: 0.0,
            responses: LogHistogram::default(),
        };
        let unit = (interval * FINEST).max(1.0);
        Self { queue: VirtualQueue::new(queue), started: Vec::new(), unit, begun: 0, result }
    }

    fn arrive(&mut self, at: u64, service: u64, is_recorded: bool) {
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
        self.result.arrivals += 1;
        match entry {
            Entry::Serving { .. } => self.result.responses.record(float(service)),
            Entry::Standing(_) => self.result.waited += 1,
            Entry::Shed => self.result.shed += 1,
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

/// Counts of values in buckets whose width is less than a hundredth of the values in them.
struct LogHistogram {
    counts: Vec<u64>,
    total: u64,
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
        let index = Self::index(rounded(value));
        self.counts[index] += 1;
        self.total += 1;
    }

    /// The middle of the bucket of the value with this rank.
    fn quantile(&self, p: f64) -> f64 {
        let rank = rounded((p * float(self.total)).ceil()).max(1);
        let mut up_to = 0;
        let index = self.counts.iter().position(|count| {
            up_to += count;
            up_to >= rank
        });
        index.map_or(0.0, Self::middle)
    }

    fn middle(index: usize) -> f64 {
        let index = index as u64;
        if index < 2 * Self::PER_OCTAVE {
            return float(index);
        }
        let octave = index / Self::PER_OCTAVE - 1;
        let first = (index - octave * Self::PER_OCTAVE) << octave;
        float(first) + float(1 << octave) / 2.0
    }
}

impl Default for LogHistogram {
    fn default() -> Self {
        Self { counts: vec![0; Self::index(u64::MAX) + 1], total: 0 }
    }
}

fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { float(part) / float(of) }
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
