//! The cost of the decision for a call: its draw, by shape and by the kind of the call's name; and of parsing
//! texts as people write them.
//!
//! `cargo bench -p longsync-behavior --bench plan`

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use longsync_behavior::{
    Behavior, BehaviorRequest, CallName, DrawKey, Rules, ServerPolicy, decide,
};

const SHAPES: [(&str, &str); 6] = [
    ("constant", "5ms"),
    ("uniform", "uniform(1ms, 10ms)"),
    ("exponential", "exponential(20ms)"),
    ("lognormal", "lognormal(p50=10ms, p99=200ms)"),
    ("percentiles", "percentiles(25=5ms, 50=10ms, 90=40ms, 99=200ms, 99.9=1s)"),
    ("mix", "mix(90%: lognormal(p50=10ms, p99=200ms), 9%: exponential(100ms), rest: 1s)"),
];

/// A different number for every call, as in a running server.
fn keys<'a>(name: CallName<'a>) -> impl FnMut() -> DrawKey<'a> {
    let mut index = 0;
    move || {
        index += 1;
        DrawKey { seed: 42, name, attempt: 1, index }
    }
}

fn refuse(_: &str) -> Result<Behavior, String> {
    Err("nothing is read here".to_owned())
}

fn server(behavior: &Behavior) -> ServerPolicy<'_> {
    let max_delay = Duration::from_secs(3_600);
    ServerPolicy { behavior, max_delay, is_fixed: false, read: &refuse }
}

/// The entire decision for a call that asks for nothing itself.
fn deciding(c: &mut Criterion) {
    let (short, long) = ("0123456789abcdef", "x".repeat(256));
    let names = [
        ("numbers", CallName::Numbers { connection: 7, request: 1_000 }),
        ("16 bytes", CallName::Id(short)),
        ("256 bytes", CallName::Id(&long)),
    ];
    for (of, name) in names {
        let mut group = c.benchmark_group(format!("decide, named by {of}"));
        for (shape, text) in SHAPES {
            let behavior: Behavior = text.parse().expect("a behavior");
            let (ask, server, mut key) =
                (BehaviorRequest::default(), server(&behavior), keys(name));
            group.bench_function(BenchmarkId::from_parameter(shape), |b| {
                b.iter(|| decide(black_box(&ask), black_box(&key()), black_box(&server)));
            });
        }
    }
}

fn parsing(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    for (shape, text) in SHAPES {
        group.bench_function(BenchmarkId::from_parameter(shape), |b| {
            let rules = Rules::caller(Duration::from_secs(3_600));
            b.iter(|| Behavior::read(black_box(text), &rules));
        });
    }
}

criterion_group!(benches, deciding, parsing);
criterion_main!(benches);
