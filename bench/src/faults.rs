//! Measure 7: the lateness of calls without a fault, while a fault hits every other call to the same server.

use anyhow::Context as _;

use crate::measure::{Bench, GENERATOR_CORE, PATIENCE, SERVER_CORE, TableMeasure, fill, nanos};
use crate::process::Process;
use crate::record::LoadRecord;
use crate::table::{Table, Unit};

/// What hits the other calls. The first is the side with which the others are compared.
const SIDES: [&str; 11] = [
    "no fault",
    "fail(100%, UNAVAILABLE)",
    "reset(100%)",
    "hang(100%)",
    "goaway(100%)",
    "goaway(100%, ENHANCE_YOUR_CALM)",
    "drop(100%)",
    "drop(100%, rst)",
    "slow(100%, 1KiB/s)",
    "late_trailers(100%, 100ms)",
    "fail_first(2, UNAVAILABLE)",
];
/// Calls per second without a fault, and others.
const RATES: [u64; 2] = [500, 500];
/// The deadline of the other calls, which ends those that hang.
const DEADLINE: &str = "200ms";

/// The names of the two figures used in the conclusion.
const LATE: [&str; 2] = ["late_p50_ns", "late_p99_ns"];

pub(crate) fn figures(bench: &Bench) -> Vec<TableMeasure<'_>> {
    let calls = bench.calls.min(u64::try_from(bench.turn.as_millis()).unwrap_or(u64::MAX) / 2);
    let title = format!(
        "{} calls/s of 1ms without a fault, beside {} calls/s to the same worker that each have one \
         ({calls} calls per round)",
        RATES[0], RATES[1]
    );
    vec![TableMeasure::new(title, move |title| measure(bench, title, calls))]
}

pub(crate) fn conclusion(tables: &[Table]) -> Option<String> {
    let late = |side| LATE.map(|late| tables.first().and_then(|it| it.median(side, late)));
    let shown = |late: f64| Unit::Micros.shown(late);
    let (mut worst, mut at) = (0.0, "");
    for side in &SIDES[1..] {
        if let [_, Some(p99)] = late(side)
            && p99 > worst
        {
            (worst, at) = (p99, side);
        }
    }
    let [_, usual] = late(SIDES[0]);
    Some(format!(
        "Calls without a fault are {} us late at p99 beside others without one, and at most {} us beside \
         others with a fault (`{at}`).",
        shown(usual?),
        shown(worst),
    ))
}

fn measure(bench: &Bench, title: &str, calls: u64) -> Table {
    let name = |side| side;
    let measured = bench.in_turn(title, &SIDES, name, |side| turn(bench, side, calls));
    let table = Table::new(title)
        .column_with_ratio(LATE[0], "late p50, us", Unit::Micros)
        .column_with_ratio(LATE[1], "late p99, us", Unit::Micros);
    fill(
        table,
        &SIDES,
        name,
        &measured,
        &[&|late: &[i64; 2]| nanos(late[0]), &|late: &[i64; 2]| nanos(late[1])],
    )
}

/// The lateness at p50 and p99 of the calls without a fault.
fn turn(bench: &Bench, side: &str, calls: u64) -> anyhow::Result<[i64; 2]> {
    let behavior = if side == SIDES[0] { "1ms".to_owned() } else { format!("1ms; {side}") };
    let serving = bench.peers.serve_behavior(&behavior, SERVER_CORE)?;
    let load = |rate: u64, args: &[&str]| -> anyhow::Result<Process> {
        let mut command = bench.peers.load_by_default(&serving.target)?;
        command.args(["--rate", &rate.to_string(), "--calls", &calls.to_string()]).args(args);
        Process::start(&mut command, GENERATOR_CORE)
    };
    let others = load(RATES[1], &["--deadline", DEADLINE])?;
    // A delay of its own replaces the server's behavior, faults included.
    let honest = load(RATES[0], &["--delay", "1ms"])?;
    let ended = honest.finish(PATIENCE)?;
    drop(others);
    let record = LoadRecord::read(&ended.lines)?;
    record.all_good()?;
    let late = |percentile| {
        let late = record.percentile_ns("lateness", percentile);
        late.with_context(|| format!("the record has no {percentile} of lateness"))
    };
    Ok([late("p50")?, late("p99")?])
}
