//! The cost of the confidence intervals of percentiles after the longest run that is kept second by second,
//! and the cost per call of noticing that calls depend on one another.
//!
//! `cargo bench -p longsync-stats --bench confidence`

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longsync_stats::{Bucket, Confidence, Percentile, Ranks, Span, Sparse, Succession};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

const SECONDS: u32 = 600;
const CALLS_PER_SECOND: u32 = 20_000;
/// The percentiles of a report, in parts per million.
const REPORTED: [u32; 6] = [500_000, 750_000, 900_000, 990_000, 999_000, 999_900];

/// Bucket numbers are exponentially distributed. 20,000 calls fill about 2,000 buckets.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is at most 11,000")]
fn bucket(random: &mut ChaCha8Rng) -> u64 {
    let uniform = (f64::from(random.next_u32()) + 1.0) / libm::exp2(32.0);
    1_500 + (-500.0 * libm::log(uniform)) as u64
}

fn sparse(counts: &BTreeMap<u64, u64>) -> Sparse {
    let bucket = |(at, count): (&u64, &u64)| Bucket {
        from_ns: at * 1_000,
        to_ns: at * 1_000 + 999,
        count: *count,
    };
    Sparse {
        buckets: counts.iter().map(bucket).collect(),
        longest_ns: u64::MAX,
        ..Sparse::default()
    }
}

/// The entire run and its seconds.
fn run() -> (Sparse, Vec<Sparse>) {
    let mut random = ChaCha8Rng::seed_from_u64(15);
    let mut whole = BTreeMap::new();
    let seconds = (0..SECONDS).map(|_| {
        let mut second = BTreeMap::new();
        for _ in 0..CALLS_PER_SECOND {
            *second.entry(bucket(&mut random)).or_default() += 1;
        }
        for (at, count) in &second {
            *whole.entry(*at).or_default() += count;
        }
        sparse(&second)
    });
    let seconds = seconds.collect();
    (sparse(&whole), seconds)
}

fn intervals(c: &mut Criterion) {
    let (whole, seconds) = run();
    let full: usize = seconds.iter().map(|second| second.buckets.len()).sum();
    let mut group = c.benchmark_group(format!(
        "{SECONDS} s, {} buckets per second, {} in all",
        full / seconds.len(),
        whole.buckets.len()
    ));
    group.sample_size(10);
    let second = Duration::from_secs(1);
    let span = Span { interval: second, recorded: second * SECONDS };
    group.bench_function("six percentiles of one figure", |b| {
        b.iter_batched(
            || seconds.clone(),
            |seconds| {
                let mut confidence = Confidence::new(&whole, seconds, span, 15);
                REPORTED.map(|parts| Percentile::per_million(parts).map(|p| confidence.of(p)))
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn ranks(c: &mut Criterion) {
    let mut group = c.benchmark_group("ranks of the median of");
    group.sample_size(10);
    for power in [4, 7, 9, 12, 15] {
        let count = 10_u64.pow(power);
        group.bench_function(BenchmarkId::from_parameter(format!("10^{power}")), |b| {
            b.iter(|| Ranks::of(black_box(count), Percentile::P50));
        });
    }
    group.finish();
}

fn succession(c: &mut Criterion) {
    let mut random = ChaCha8Rng::seed_from_u64(15);
    let values: Vec<_> = (0..10_000).map(|_| bucket(&mut random).cast_signed() * 1_000).collect();
    let mut group = c.benchmark_group("succession");
    group.throughput(Throughput::Elements(values.len() as u64));
    group.bench_function("10,000 calls", |b| {
        let mut succession = Succession::default();
        b.iter(|| {
            for nanos in &values {
                succession.record(black_box(*nanos));
            }
        });
        black_box(succession);
    });
    group.finish();
}

criterion_group!(benches, intervals, ranks, succession);
criterion_main!(benches);
