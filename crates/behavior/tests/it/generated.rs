//! Generated texts of behaviors: all shapes, nested, with and without `max`. Not all of them are allowed.

use proptest::prelude::*;

pub(crate) fn behavior() -> impl Strategy<Value = String> {
    let stall = (duration(), duration(), proptest::option::of(duration()), any::<bool>());
    let stall = stall.prop_map(|(at, length, every, is_of_first)| {
        let every = every.map_or(String::new(), |every| format!(", every={every}"));
        let from = if is_of_first { ", from=first_call" } else { "" };
        format!("stall(for={length}{every}, at={at}{from})")
    });
    let faults = prop::collection::vec(fault(), 0..4);
    let [delay, queue, stall] = [delay().boxed(), queue().boxed(), stall.boxed()];
    let clauses = [delay, queue, stall].map(proptest::option::of);
    (clauses, faults).prop_flat_map(|(clauses, faults)| {
        let mut clauses: Vec<_> = clauses.into_iter().flatten().chain(faults).collect();
        if clauses.is_empty() {
            clauses.push("5ms".to_owned());
        }
        let joint = prop::sample::select(vec!["; ", ";\n", " ; "]);
        (Just(clauses).prop_shuffle(), joint, prop::sample::select(vec!["", ";"]))
            .prop_map(|(clauses, joint, end)| format!("{}{end}", clauses.join(joint)))
    })
}

/// A queue, with its keys in any order.
fn queue() -> impl Strategy<Value = String> {
    let options = vec![
        "order=lifo",
        "order=fifo",
        "abandoned=work",
        "abandoned=free",
        "retry_info=1.5s",
        "pushback=20ms",
        "pushback=never",
    ];
    let options = prop::sample::subsequence(options, 0..4);
    (1_u32..=1_000_000, 0_u32..=1_000_000, options)
        .prop_flat_map(|(workers, limit, options)| {
            let numbers = [format!("workers={workers}"), format!("limit={limit}")];
            let keys: Vec<_> =
                numbers.into_iter().chain(options.into_iter().map(str::to_owned)).collect();
            Just(keys).prop_shuffle()
        })
        .prop_map(|keys| format!("queue({})", keys.join(" , ")))
}

/// A fault. The shares of several may add up to more than 100 %.
pub(crate) fn fault() -> impl Strategy<Value = String> {
    let share = prop_oneof![
        4 => (0_u32..=40_000_000).prop_map(percent),
        1 => Just("rest".to_owned()),
    ];
    let reset_code = prop::sample::select(vec!["", ", CANCEL", ", 0", ", refused_stream", ", 11"]);
    let statuses = vec!["UNAVAILABLE", "unavailable", "14", "1", "503", "599", "400", "DATA_LOSS"];
    let message = prop_oneof![
        2 => Just(String::new()),
        1 => "\\PC{0,8}".prop_map(|it| format!(", {}", longsync_text::string::print(&it))),
    ];
    let moment = (any::<bool>(), 0_u32..3).prop_map(|(is_before, at)| {
        let when = if is_before { ", when=before" } else { "" };
        let at = if at > 0 { format!(", at={at}") } else { String::new() };
        format!("{at}{when}")
    });
    let retry = prop::sample::select(vec![
        "",
        ", retry_info=1.5s",
        ", pushback=never",
        ", pushback=20ms, retry_info=1s",
    ]);
    let error = (prop::sample::select(statuses), message, moment.clone(), retry)
        .prop_map(|(status, message, moment, retry)| format!("{status}{message}{moment}{retry}"));
    let rate = (1_u32..5_000, prop::sample::select(vec!["B/s", "KiB/s", ".5MiB/s", ".25GiB/s"]))
        .prop_map(|(number, unit)| format!("{}{unit}", number % 1_000 + 1));
    prop_oneof![
        (share.clone(), error.clone()).prop_map(|(share, error)| format!("fail({share}, {error})")),
        (1_u32..5, error).prop_map(|(count, error)| format!("fail_first({count}, {error})")),
        (share.clone(), reset_code.clone(), moment.clone())
            .prop_map(|(share, code, moment)| format!("reset({share}{code}{moment})")),
        (share.clone(), moment.clone())
            .prop_map(|(share, moment)| format!("hang({share}{moment})")),
        (share.clone(), reset_code, moment.clone()).prop_map(|(share, code, moment)| {
            let moment = if code.is_empty() { String::new() } else { moment };
            format!("goaway({share}{code}{moment})")
        }),
        (share.clone(), any::<bool>(), moment).prop_map(|(share, is_reset, moment)| {
            format!("drop({share}{}{moment})", if is_reset { ", rst" } else { "" })
        }),
        (share.clone(), rate).prop_map(|(share, rate)| format!("slow({share}, {rate})")),
        (share, duration()).prop_map(|(share, by)| format!("late_trailers({share}, {by})")),
    ]
}

pub(crate) fn delay() -> impl Strategy<Value = String> {
    shape().prop_recursive(3, 24, 4, |part| {
        let attempts = prop::collection::vec(part.clone(), 1..4)
            .prop_map(|parts| format!("attempts({})", parts.join(", ")));
        (prop_oneof![mix(part), attempts], max()).prop_map(|(delay, max)| format!("{delay}{max}"))
    })
}

/// Usually none.
fn max() -> impl Strategy<Value = String> + Clone {
    prop_oneof![3 => Just(String::new()), 1 => duration().prop_map(|it| format!(" max {it}"))]
}

/// A mixture whose shares add up to at most 100 %, perhaps with a rest.
fn mix(part: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> {
    let parts = prop::collection::vec((0_u32..=30_000_000, part.clone()), 0..4);
    (parts, part, any::<bool>(), any::<prop::sample::Index>()).prop_map(
        |(parts, last, is_rest, at)| {
            let left = 100_000_000 - parts.iter().map(|(share, _)| share).sum::<u32>();
            let last = if is_rest {
                format!("rest: {last}")
            } else {
                format!("{}: {last}", percent(left))
            };
            let mut parts: Vec<_> =
                parts.iter().map(|(share, part)| format!("{}: {part}", percent(*share))).collect();
            parts.insert(at.index(parts.len() + 1), last);
            format!("mix({})", parts.join(", "))
        },
    )
}

fn shape() -> impl Strategy<Value = String> {
    let two = (duration(), duration());
    let number = (-3.0_f64..3.0).prop_map(|it| format!("{:.4}", libm::pow(10.0, it)));
    let tail = max();
    prop_oneof![
        duration(),
        duration().prop_map(|it| format!("constant( {it} )")),
        two.clone().prop_map(|(one, other)| format!("uniform({one}, {other})")),
        (two.clone(), tail.clone())
            .prop_map(|((one, other), it)| format!("normal({one}, {other}){it}")),
        (duration(), tail.clone()).prop_map(|(mean, it)| format!("exponential({mean}){it}")),
        (duration(), number.clone(), tail.clone())
            .prop_map(|(scale, it, tail)| format!("pareto({scale}, {it}){tail}")),
        (two, percentiles(2..3), tail.clone()).prop_map(|((one, other), at, tail)| {
            let first = at[0];
            let second = at[at.len() - 1];
            format!("lognormal(p{}={one}, p{}={other}){tail}", point(first), point(second))
        }),
        (duration(), number, tail.clone())
            .prop_map(|(median, it, tail)| format!("lognormal(p50={median}, sigma={it}){tail}")),
        (percentiles(2..6), prop::collection::vec(nanos(), 6), any::<[bool; 2]>(), tail)
            .prop_map(given),
        Just("replay(\"times.csv\")".to_owned()),
    ]
}

/// The text of `percentiles`: values that never fall, perhaps with ends.
fn given((at, mut values, ends, tail): (Vec<u32>, Vec<u64>, [bool; 2], String)) -> String {
    values.sort_unstable();
    let mut points: Vec<_> = at.iter().zip(&values).map(|(at, value)| (*at, *value)).collect();
    if ends[0] {
        points[0].0 = 0;
    }
    if ends[1]
        && let Some(last) = points.last_mut()
    {
        last.0 = 100_000_000;
    }
    // They may be written in any order.
    points.reverse();
    let points = points.iter().map(|(at, value)| format!("p{}={value}ns", point(*at)));
    format!("percentiles({}){tail}", points.collect::<Vec<_>>().join(", "))
}

/// Ascending percentages, in millionths.
fn percentiles(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u32>> {
    prop::collection::btree_set(1_u32..100_000_000, count).prop_map(|at| at.into_iter().collect())
}

/// Of all magnitudes, up to a little over an hour.
fn nanos() -> impl Strategy<Value = u64> {
    (0_u32..42, 1_u64..=1_000_000).prop_map(|(bits, part)| (part << bits) / 1_000_000)
}

fn duration() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        8 => nanos().prop_map(|nanos| format!("{nanos}ns")),
        4 => (1_u32..3_600, 1_u32..1_000).prop_map(|(seconds, more)| format!("{seconds}s {more}ms")),
        4 => (1_u32..60).prop_map(|minutes| format!("{minutes}.5m")),
        1 => Just("0".to_owned()),
    ]
}

fn percent(millionths: u32) -> String {
    format!("{}%", point(millionths))
}

fn point(millionths: u32) -> String {
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}
