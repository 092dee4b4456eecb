//! The cost of recording a call, of swapping a second's distribution and of keeping it: ours next to the
//! crate `hdrhistogram`.
//!
//! `cargo bench -p longsync-stats --bench recording`

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};
use longsync_stats::{
    CallRecord as Ended, Distribution, GoodStatuses, Moment, Percentile, Recorder, ServerWait,
    StatusCode,
};

const DAY_NS: u64 = 86_400_000_000_000;
/// The number that end per second of the load for which the engine is made.
const CALLS: usize = 20_000;

/// Where durations are counted.
trait DurationRecorder {
    fn new() -> Self;
    fn record(&mut self, nanos: i64);
}

impl DurationRecorder for Distribution {
    fn new() -> Self {
        Self::default()
    }

    #[inline]
    fn record(&mut self, nanos: i64) {
        Self::record(self, nanos);
    }
}

/// Our distribution as it was when the crate kept its counts.
struct OfTheCrate {
    values: Histogram<u64>,
    below_zero: u64,
    lowest_ns: i64,
    beyond: u64,
}

impl DurationRecorder for OfTheCrate {
    fn new() -> Self {
        let values = Histogram::new_with_bounds(1, DAY_NS, 3).expect("valid bounds");
        Self { values, below_zero: 0, lowest_ns: 0, beyond: 0 }
    }

    #[inline]
    fn record(&mut self, nanos: i64) {
        if let Ok(nanos) = u64::try_from(nanos) {
            self.beyond += u64::from(self.values.record(nanos).is_err());
        } else {
            self.below_zero += 1;
            self.lowest_ns = self.lowest_ns.min(nanos);
        }
    }
}

/// An answered call of an open loop: its times in nanoseconds since the start of the run.
#[derive(Clone, Copy)]
struct CallTimes {
    due: u64,
    sent: u64,
    done: u64,
    code: u8,
    planned: i64,
    queued: i64,
    waited: i64,
}

/// What a worker keeps of its calls.
struct Worker<C> {
    from: u64,
    warm_up: u64,
    statuses: [u64; 17],
    service_time: C,
    response_time: C,
    lag: C,
    added: C,
    lateness: C,
}

impl<C: DurationRecorder> Worker<C> {
    fn new() -> Self {
        Self {
            from: 0,
            warm_up: 0,
            statuses: [0; 17],
            service_time: C::new(),
            response_time: C::new(),
            lag: C::new(),
            added: C::new(),
            lateness: C::new(),
        }
    }

    #[inline]
    fn record(&mut self, call: &CallTimes) {
        let is_warm_up = call.due < self.from;
        self.warm_up += u64::from(is_warm_up);
        if is_warm_up {
            return;
        }
        self.statuses[usize::from(call.code)] += 1;
        let service_time_ns = call.done.wrapping_sub(call.sent).cast_signed();
        self.service_time.record(service_time_ns);
        self.response_time.record(call.done.wrapping_sub(call.due).cast_signed());
        self.lag.record(call.sent.wrapping_sub(call.due).cast_signed());
        self.added.record(service_time_ns.saturating_sub(call.waited));
        self.lateness.record(call.waited - call.queued - call.planned);
    }
}

/// All that a worker records today: as many figures again, what successive calls have in common, and exact
/// counts.
struct Whole(Recorder);

impl Whole {
    fn new() -> Self {
        Self(Recorder::new(Duration::ZERO, GoodStatuses::default()))
    }

    #[inline]
    fn record(&mut self, call: &Ended) {
        self.0.sent(call.due, call.sent);
        self.0.ended(call, None);
    }
}

impl From<CallTimes> for Ended {
    fn from(call: CallTimes) -> Self {
        let duration = |nanos: i64| Duration::from_nanos(nanos.unsigned_abs());
        let waits = ServerWait {
            planned: duration(call.planned),
            queued: duration(call.queued),
            waited: duration(call.waited),
            is_faulty: false,
        };
        let [due, sent, done] = [call.due, call.sent, call.done].map(Moment::from_nanos);
        Self { due: Some(due), waits: Some(waits), ..Self::new(sent, done, StatusCode::OK) }
    }
}

/// Random numbers that are the same in every run: Steele, Lea and Flood's `SplitMix64`.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Over 0, at most 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are left")]
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Nanoseconds with a log-normal distribution, by the Box-Muller transform.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "they are from a nanosecond to an hour"
    )]
    fn lognormal(&mut self, median_ns: f64, sigma: f64) -> u64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.uniform()).cos();
        (median_ns * (sigma * normal).exp()).clamp(1.0, 3.6e12) as u64
    }
}

/// Calls at 20,000/s of a service with a delay of 10 ms at p50 and 200 ms at p99.
fn calls() -> Vec<CallTimes> {
    let mut numbers = SplitMix64(15);
    let call = |index| {
        let planned = numbers.lognormal(1e7, 1.288);
        let (lateness, added) = (numbers.lognormal(1e4, 0.5), numbers.lognormal(1.5e5, 0.5));
        let due = index * 50_000;
        let sent = due + numbers.lognormal(3e3, 0.8);
        let done = sent + planned + lateness + added;
        let (planned, waited) = (planned.cast_signed(), (planned + lateness).cast_signed());
        CallTimes { due, sent, done, code: 0, planned, queued: 0, waited }
    };
    (0..CALLS as u64).map(call).collect()
}

/// A second's response times.
fn second<C: DurationRecorder>() -> C {
    let mut counts = C::new();
    for call in calls() {
        counts.record((call.done - call.due).cast_signed());
    }
    counts
}

/// One iteration takes the time of one call.
fn recording(c: &mut Criterion) {
    fn bench<C: DurationRecorder>(b: &mut criterion::Bencher<'_>) {
        let (calls, mut worker) = (calls(), Worker::<C>::new());
        let mut next = calls.iter().cycle();
        b.iter(|| {
            if let Some(call) = next.next() {
                worker.record(black_box(call));
            }
        });
        black_box(worker.statuses);
    }
    let mut group = c.benchmark_group("record a call, five figures and its status");
    group.bench_function("the crate", bench::<OfTheCrate>);
    group.bench_function("ours", bench::<Distribution>);
    group.bench_function("the whole recorder", |b| {
        let calls: Vec<Ended> = calls().into_iter().map(Ended::from).collect();
        let (mut next, mut whole) = (calls.iter().cycle(), Whole::new());
        b.iter(|| {
            if let Some(call) = next.next() {
                whole.record(black_box(call));
            }
        });
        black_box(whole.0.warm_up());
    });
}

fn swapping(c: &mut Criterion) {
    let (ours, crates) = (second::<Distribution>(), second::<OfTheCrate>().values);
    let mut group = c.benchmark_group("merge a second");
    let mut whole = ours.clone();
    group.bench_function("ours", |b| b.iter(|| whole.merge(black_box(&ours))));
    let mut whole = crates.clone();
    group.bench_function("the crate", |b| b.iter(|| whole.add(black_box(&crates))));
    group.finish();

    let mut group = c.benchmark_group("clear a second");
    group.bench_function("ours", |b| {
        b.iter_batched_ref(|| ours.clone(), Distribution::clear, BatchSize::LargeInput);
    });
    group.bench_function("the crate", |b| {
        b.iter_batched_ref(|| crates.clone(), Histogram::reset, BatchSize::LargeInput);
    });
}

fn reading(c: &mut Criterion) {
    let (ours, crates) = (second::<Distribution>(), second::<OfTheCrate>().values);
    let mut group = c.benchmark_group("p99 of a second");
    group.bench_function("ours", |b| b.iter(|| black_box(&ours).percentile(Percentile::P99)));
    group.bench_function("the crate", |b| b.iter(|| black_box(&crates).value_at_quantile(0.99)));
}

fn encoding(c: &mut Criterion) {
    let (ours, crates) = (second::<Distribution>(), second::<OfTheCrate>().values);
    let bytes = ours.to_v2_deflate();
    let mut group = c.benchmark_group(format!("encode a second, {} bytes", bytes.len()));
    group.bench_function("ours", |b| b.iter(|| black_box(&ours).to_v2_deflate()));
    let mut serializer = V2DeflateSerializer::new();
    group.bench_function("the crate", |b| {
        b.iter(|| {
            let mut bytes = Vec::new();
            let length = serializer.serialize(black_box(&crates), &mut bytes);
            (length.expect("it can be encoded"), bytes)
        });
    });
    group.finish();
    c.bench_function("decode a second", |b| {
        b.iter(|| Distribution::from_v2_deflate(black_box(&bytes)));
    });
}

criterion_group!(benches, recording, swapping, reading, encoding);
criterion_main!(benches);
