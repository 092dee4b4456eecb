//! The lesson of a race, in one sentence. Pure.

use longsync_text::duration::text;

use crate::figures::rounded;
use crate::race::delays::RaceDelays;
use crate::race::outcome::{Race, WayRun};
use crate::race::planned_delays::PlannedDelays;
use crate::race::way::Way;
use longsync_text::{TypedDuration, counted, grouped};

/// The lesson, with the race's own figures.
pub(super) fn lesson(race: &Race) -> String {
    if let Some(after) = &race.plan.cancel_after {
        return lesson_of_cancelling(race, after);
    }
    let Some(best) = best(race) else {
        let what = if has_made_none(race) {
            "No call was made"
        } else {
            "No way had all its calls answered"
        };
        return format!("{what}: {}.", why_not(race));
    };
    let lesson = lesson_of_waiting(race, best);
    [lesson, failed_as_planned(best)].join("")
}

/// The sentence about calls that failed as planned, which have been waited for like all others.
fn failed_as_planned(run: &WayRun) -> String {
    let failed = run.failed_as_planned();
    if failed == 0 {
        return String::new();
    }
    let hit = run.faults().into_iter().filter(|hits| hits.failed > 0);
    let clauses = hit.map(|hits| hits.clause).collect::<Vec<_>>().join(", ");
    let who = match run.rows.len() {
        1 => "It".to_owned(),
        all if all == failed => "All of them".to_owned(),
        all => format!("{} of {}", grouped(failed as u64), grouped(all as u64)),
    };
    format!(" {who} failed, as planned: {clauses}.")
}

/// The lesson of a way, which is whole.
fn lesson_of_waiting(race: &Race, best: &WayRun) -> String {
    let planned = PlannedDelays::of(race, race.whole(Way::Sequential).unwrap_or(best));
    let of = calls_of(race, &planned);
    let wall = rounded(best.wall);
    if race.plan.calls.get() == 1 {
        return format!(
            "{of} took {wall}: a single call has nothing to overlap with. Make several with --calls."
        );
    }
    if best.way == Way::Sequential {
        let takes = if best.projected() > 0 { "would take" } else { "took" };
        return format!("{of} {takes} {wall} one after another: each waits for the one before.");
    }
    let by_one = one_by_one(race, best, &planned);
    let how = match best.way {
        Way::Threads => format!("on {}", counted(best.threads, "thread")),
        Way::Exchange => format!("as messages of {}", counted(best.streams, "stream")),
        Way::Tasks | Way::Sequential => "as async tasks on one thread".to_owned(),
    };
    let connections = counted(best.connections, "connection");
    let is_shown = race.speed_up(best).is_some_and(|speed_up| speed_up >= LEAST_SHOWN);
    if !planned.sum.is_zero() && !is_shown && is_one_call_most(&planned) {
        return format!(
            "No way is faster than its longest call, and here that is most of the time: {of} {by_one} \
             one after another, and took {wall} {how} over {connections}. Make more --calls."
        );
    }
    if planned.sum.is_zero() || !is_shown {
        let longer = match race.plan.delays {
            RaceDelays::Constant(_) | RaceDelays::Jittered(_) => "a longer --delay",
            RaceDelays::Drawn { .. } => "a --behavior with longer delays",
        };
        return format!(
            "There was too little waiting to show what waiting costs: {of} {by_one} one after another, and \
             took {wall} {how} over {connections}. Use {longer}, or more --calls."
        );
    }
    format!(
        "Waiting is not working: {of} {by_one} one after another, \
         but took {wall} {how} over {connections}."
    )
}

fn has_made_none(race: &Race) -> bool {
    race.runs.iter().all(|run| run.made() == 0)
}

/// Where the reason is for what a race does not show.
fn why_not(race: &Race) -> &'static str {
    if race.is_interrupted { "the race was ended early" } else { "see the notes above" }
}

/// The number of calls, and their delays.
fn calls_of(race: &Race, planned: &PlannedDelays) -> String {
    let count = race.plan.calls.get();
    let calls = counted(count, "call");
    match &race.plan.delays {
        RaceDelays::Constant(delay) => format!("{calls} of {}", text(*delay)),
        RaceDelays::Jittered(mean) => format!("{calls} of {} on average", text(*mean)),
        RaceDelays::Drawn { .. } => {
            let mean = planned.sum / u32::try_from(count).unwrap_or(u32::MAX);
            let mean = rounded(mean);
            if !planned.is_known {
                format!("{calls} of about {mean} on average")
            } else if count > 1 && (race.plan.delays.vary() || planned.vary(count)) {
                format!(
                    "{calls} of {mean} on average, the longest of {},",
                    rounded(planned.longest)
                )
            } else {
                format!("{calls} of {mean}")
            }
        }
    }
}

/// The time that the calls of a way take one after another.
fn one_by_one(race: &Race, run: &WayRun, planned: &PlannedDelays) -> String {
    let takes = match race.whole(Way::Sequential).map(WayRun::projected) {
        Some(0) => "took",
        Some(_) => "would take",
        // Only the delays are known.
        None if planned.is_known => "would take at least",
        None => "would take about",
    };
    format!("{takes} {}", rounded(race.one_by_one(run)))
}

/// Whether one call is so long that no way could be much faster than sequential calls.
fn is_one_call_most(planned: &PlannedDelays) -> bool {
    planned.longest.mul_f64(LEAST_SHOWN) >= planned.sum
}

/// The smallest speed-up that shows the cost of waiting and is not due to chance: other load on the machine
/// alone makes a difference of a quarter.
const LEAST_SHOWN: f64 = 1.5;

/// The way that the lesson is about: the first complete one of tasks, exchange, threads and sequential.
fn best(race: &Race) -> Option<&WayRun> {
    let order = [Way::Tasks, Way::Exchange, Way::Threads, Way::Sequential];
    order.into_iter().find_map(|way| race.whole(way))
}

fn lesson_of_cancelling(race: &Race, after: &TypedDuration) -> String {
    if race.runs.iter().all(WayRun::is_skipped) {
        return format!("No way was run: {}.", why_not(race));
    }
    if has_made_none(race) {
        return format!("No call was made: {}.", why_not(race));
    }
    let mut ran = race.runs.iter().filter(|run| run.made() > 0);
    // Calls that failed tell nothing about the time at which they would have been cancelled.
    let is_answered = ran.clone().any(|run| run.answered() > 0);
    if is_answered && ran.clone().all(|run| run.left_nothing_to_cancel(after.value())) {
        return format!(
            "Nothing was left to cancel after {after}: every call had ended. Use a shorter --cancel-after, \
             or longer delays."
        );
    }
    // A thread whose call ended before the time to cancel shows nothing about cancelling.
    let is_told = |run: &&WayRun| match run.way {
        Way::Threads => run.answered() > 0 && !run.left_nothing_to_cancel(after.value()),
        Way::Sequential | Way::Tasks | Way::Exchange => run.cancelled() > 0,
    };
    if !ran.any(|run| is_told(&run)) {
        return format!("No call was cancelled: {}.", why_not(race));
    }
    let of = |way| race.runs.iter().find(|run| run.way == way && !run.is_skipped()).filter(is_told);
    let tasks = of(Way::Tasks).map(|run| {
        let were = if run.cancelled() == 1 { "it was" } else { "they were" };
        format!(
            "A task can be stopped while it waits: {} of {} ended when {were} cancelled, {} in total.",
            counted(run.cancelled(), "task"),
            grouped(run.rows.len() as u64),
            rounded(run.wall)
        )
    });
    let threads = of(Way::Threads).map(|run| {
        let who = if tasks.is_some() {
            "A thread cannot:"
        } else {
            "A thread cannot be stopped while it waits:"
        };
        let (calls, them) =
            if run.answered() == 1 { ("its call", "it") } else { ("their calls", "them") };
        format!(
            "{who} {} waited until {calls} had ended, {} in total; a deadline would have ended {them} \
             sooner.",
            counted(run.answered(), "thread"),
            rounded(run.wall)
        )
    });
    let said: Vec<_> = tasks.into_iter().chain(threads).collect();
    if said.is_empty() { one_cancelled(of(Way::Sequential)) } else { said.join(" ") }
}

/// The lesson of cancelled calls that were made one after another, or on one stream.
fn one_cancelled(sequential: Option<&WayRun>) -> String {
    match sequential {
        Some(run) if run.cancelled() > 1 => format!(
            "A cancelled call ends at once, on both sides; but sequential calls are each sent when the one \
             before has ended, and the last was cancelled {} after the first was sent.",
            rounded(run.measured())
        ),
        _ => "A cancelled call ends at once, on both sides.".to_owned(),
    }
}
