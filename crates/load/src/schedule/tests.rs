//! When calls are due, checked against independent rules.

mod concurrency;
mod exact;
mod files;
mod laws;
mod passing;
mod shares;
mod text;

use proptest::prelude::*;

use super::*;

const SECOND_NS: u64 = 1_000_000_000;

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

fn alone() -> WorkerShare {
    WorkerShare::of(0, NonZeroUsize::MIN)
}

fn open(profile: &str, arrivals: Arrivals, seed: u64) -> Schedule {
    Schedule::Open { profile: profile.parse().unwrap(), arrivals, seed }
}

/// The due times of the first calls, at most the given number of them.
fn due_ns(schedule: &Schedule, most: usize) -> Vec<u64> {
    let due_times = schedule.due_times(Duration::ZERO, alone()).unwrap();
    due_times.take(most).map(|arrival| arrival.due.as_nanos()).collect()
}

/// A stretch of a profile as a test models it: the rates at its ends in calls per second, and its length.
type Stretch = (u64, u64, u64);

/// The text of a piece, and the stretches that it expands to. Rates are whole numbers per second, often 0.
fn piece() -> impl Strategy<Value = (String, Vec<Stretch>)> {
    let rate = || prop_oneof![1 => Just(0_u64), 4 => 0_u64..40];
    let length = || prop_oneof![1_u64..200, 1_u64..3 * SECOND_NS, Just(SECOND_NS)];
    let constant = (rate(), length()).prop_map(|(rate, length)| {
        (format!("constant({rate}/s, for={length}ns)"), vec![(rate, rate, length)])
    });
    let line = (rate(), rate(), length()).prop_map(|(from, to, length)| {
        (format!("line(from={from}/s, to={to}/s, in={length}ns)"), vec![(from, to, length)])
    });
    let step = (rate(), 1_u64..10, 1_u64..5, 0_u64..10, any::<bool>(), length());
    let step = step.prop_map(|(low, by, steps, beyond, is_up, length)| {
        let high = low + by * steps;
        // Steps need not hit the end exactly.
        let beyond = beyond % by;
        let (from, to) = if is_up { (low, high + beyond) } else { (high + beyond, low) };
        let level = |index| if is_up { from + by * index } else { from - by * index };
        let stretches = (0..=steps).map(|index| (level(index), level(index), length)).collect();
        (format!("step(from={from}/s, to={to}/s, by={by}/s, every={length}ns)"), stretches)
    });
    prop_oneof![constant, line, step]
}

/// The text of a profile that ends, and its stretches.
fn profile() -> impl Strategy<Value = (String, Vec<Stretch>)> {
    prop::collection::vec(piece(), 1..5).prop_map(|pieces| {
        let (texts, stretches): (Vec<_>, Vec<_>) = pieces.into_iter().unzip();
        (texts.join("; "), stretches.concat())
    })
}

fn arrivals() -> impl Strategy<Value = Arrivals> {
    prop::sample::select(vec![Arrivals::Constant, Arrivals::Poisson, Arrivals::Uniform])
}

/// Schedules whose calls have due times.
fn schedules() -> impl Strategy<Value = Schedule> {
    let endless = (0_u64..=3_600_000_000_000_000_000).prop_map(|millionths| {
        Profile::constant(Rate::from_millionths_per_hour(millionths).unwrap())
    });
    let profile = prop_oneof![
        profile().prop_map(|(text, _)| text.parse().unwrap()),
        endless,
        (profile(), 1_u64..1_000).prop_map(|((text, _), rate)| {
            format!("{text}; constant({rate}/min)").parse::<Profile>().unwrap()
        }),
    ];
    let open = (profile, arrivals(), any::<u64>())
        .prop_map(|(profile, arrivals, seed)| Schedule::Open { profile, arrivals, seed });
    let replay = prop::collection::vec(0_u64..5_000_000, 1..80).prop_map(|mut micros| {
        micros.sort_unstable();
        let lines: Vec<_> =
            micros.iter().map(|it| format!("{}.{:06}", it / 1_000_000, it % 1_000_000)).collect();
        Schedule::Replay(Replay::read(&lines.join("\n")).unwrap())
    });
    prop_oneof![6 => open, 2 => replay, 1 => Just(Schedule::AtOnce)]
}
