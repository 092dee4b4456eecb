//! The pictures of a storm: one of each way, all on the same axes. Pure.

use std::time::Duration;

use crate::chart::{Axis, Plot, Series, nanoseconds};
use crate::storm::outcome::{Storm, StormRun};
use crate::storm::series::{SLOT, SLOTS_PER_SECOND, Slot};
use crate::storm::words::{became, name};

const GOODPUT: usize = 0;
const ATTEMPTS: usize = 1;
const LOAD: usize = 2;
const TRIGGER: usize = 3;

/// The plot of each way. Its title says what became of it.
pub(super) fn plots(storm: &Storm) -> Vec<Plot> {
    let runs = || storm.runs.iter().filter(|run| !run.slots.is_empty());
    let all = runs().map(series).collect::<Vec<_>>();
    let y = Axis::amounts(all.iter().flatten().flat_map(Series::values));
    let x = Axis::linear(storm.plan.whole());
    let plan = &storm.plan;
    let titled = |(run, series): (&StormRun, _)| {
        let title = format!("{}: {}", name(plan, run.way), became(plan, run));
        Plot { title, x, y, series }
    };
    runs().zip(all).map(titled).collect()
}

fn series(run: &StormRun) -> Vec<Series> {
    let trigger = (nanoseconds(run.trigger.start), nanoseconds(run.trigger.end));
    vec![
        Series::hatched("stall", [trigger]).colored(TRIGGER),
        Series::area("goodput", steps(run, |slot| slot.good)).colored(GOODPUT),
        Series::line("attempts", steps(run, |slot| slot.attempts)).colored(ATTEMPTS),
        Series::line("load", steps(run, |slot| slot.due)).colored(LOAD),
    ]
}

/// Calls per second, one step for each slot.
#[expect(clippy::cast_precision_loss, reason = "a picture shows less than 53 bits")]
fn steps(run: &StormRun, count: fn(&Slot) -> u64) -> Vec<(f64, f64)> {
    let mut steps = Vec::with_capacity(2 * run.slots.len());
    let mut from = Duration::ZERO;
    for slot in &run.slots {
        let height = count(slot) as f64 * SLOTS_PER_SECOND as f64;
        let to = from + SLOT;
        steps.extend([(nanoseconds(from), height), (nanoseconds(to), height)]);
        from = to;
    }
    steps
}
