//! The pictures of a storm: one of each way, all on the same axes. Pure.

use std::time::Duration;

use longsync_text::grouped;

use crate::chart::{Axis, Plot, Series, nanoseconds};
use crate::storm::outcome::{Storm, StormRun};
use crate::storm::series::{SLOT, SLOTS_PER_SECOND, Slot};
use crate::storm::words::{became, name};

const GOODPUT: usize = 0;
const ATTEMPTS: usize = 1;
const LOAD: usize = 2;
const TRIGGER: usize = 3;
const STANDING: usize = ATTEMPTS;

/// The plot of each way. Its title says what became of it.
pub(super) fn plots(storm: &Storm) -> Vec<Plot> {
    let all = storm.drawn().map(series).collect::<Vec<_>>();
    let y = Axis::amounts(all.iter().flatten().flat_map(Series::values));
    let x = Axis::linear(storm.plan.whole());
    let plan = &storm.plan;
    let titled = |(run, series): (&StormRun, _)| {
        let title = format!("{}: {}", name(plan, run.way), became(plan, run));
        Plot { title, x, y, series }
    };
    storm.drawn().zip(all).map(titled).collect()
}

/// How many calls stood over time in each way, in the order of [`plots`]. Each has a vertical axis of its own,
/// because a queue that grows all the time makes any other look empty.
pub(super) fn standing_plots(storm: &Storm) -> Vec<Plot> {
    let plan = &storm.plan;
    let plot = |run: &StormRun| {
        let standing = Series::line("calls standing", standing(run)).colored(STANDING);
        let most = grouped(run.most_standing());
        Plot {
            title: format!("{}: up to {most} standing", name(plan, run.way)),
            x: Axis::linear(plan.whole()),
            y: Axis::amounts(standing.values()),
            series: vec![trigger(run), standing],
        }
    };
    storm.drawn().map(plot).collect()
}

fn trigger(run: &StormRun) -> Series {
    let trigger = (nanoseconds(run.trigger.start), nanoseconds(run.trigger.end));
    Series::hatched("stall", [trigger]).colored(TRIGGER)
}

/// Counted at the end of each slot.
#[expect(clippy::cast_precision_loss, reason = "a picture shows less than 53 bits")]
fn standing(run: &StormRun) -> Vec<(f64, f64)> {
    let ends = (1..).map(|slot| nanoseconds(SLOT * slot));
    let counts = run.slots.iter().map(|slot| slot.standing as f64);
    [(0.0, 0.0)].into_iter().chain(ends.zip(counts)).collect()
}

fn series(run: &StormRun) -> Vec<Series> {
    vec![
        trigger(run),
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
