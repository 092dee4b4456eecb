//! The cost of computing when a call is due, by the form of the schedule and the law of arrivals.
//!
//! `cargo bench -p longsync-load --bench schedule`

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use longsync_load::{Arrivals, Schedule, WorkerShare};

/// Each lasts an hour at 20,000/s on average: more calls than this benchmark makes.
const PROFILES: [(&str, &str); 3] = [
    ("constant", "constant(20000/s)"),
    ("line", "line(from=0/s, to=40k/s, in=1h)"),
    ("falling line", "line(from=40k/s, to=0/s, in=1h)"),
];
const LAWS: [Arrivals; 3] = [Arrivals::Constant, Arrivals::Poisson, Arrivals::Uniform];
const CALLS: usize = 100_000;

fn due_times(c: &mut Criterion) {
    for (name, profile) in PROFILES {
        let mut group = c.benchmark_group(format!("due, {name}"));
        group.throughput(Throughput::Elements(CALLS as u64));
        for arrivals in LAWS {
            let profile = profile.parse().expect("the profile is valid");
            let schedule = Schedule::Open { profile, arrivals, seed: 1 };
            group.bench_function(BenchmarkId::from_parameter(format!("{arrivals:?}")), |b| {
                b.iter(|| last_due(black_box(&schedule), NonZeroUsize::MIN));
            });
        }
        group.finish();
    }
}

/// One worker of four also draws the calls that the others keep: this is the cost per call of its own.
fn shares(c: &mut Criterion) {
    let four = NonZeroUsize::MIN.saturating_add(3);
    let mut group = c.benchmark_group("due, constant, one of four workers");
    group.throughput(Throughput::Elements(CALLS as u64));
    for arrivals in LAWS {
        let profile = "constant(20000/s)".parse().expect("the profile is valid");
        let schedule = Schedule::Open { profile, arrivals, seed: 1 };
        group.bench_function(BenchmarkId::from_parameter(format!("{arrivals:?}")), |b| {
            b.iter(|| last_due(black_box(&schedule), four));
        });
    }
    group.finish();
}

fn last_due(schedule: &Schedule, workers: NonZeroUsize) -> u64 {
    let due_times = schedule.due_times(Duration::ZERO, WorkerShare::of(0, workers));
    let due_times = due_times.into_iter().flatten().take(CALLS);
    due_times.map(|arrival| arrival.due.as_nanos()).fold(0, |_, due| black_box(due))
}

criterion_group!(benches, due_times, shares);
criterion_main!(benches);
