//! The words of a storm, shared by its text and its picture. Pure.

use std::fmt::Write as _;

use longsync_text::duration::text;
use longsync_text::{counted, grouped};

use crate::storm::outcome::{Recovery, Storm, StormRun};
use crate::storm::plan::StormPlan;
use crate::storm::retry::FIRST_PAUSE;
use crate::storm::way::StormWay;

/// What is done to whom.
pub(super) fn headline(plan: &StormPlan) -> String {
    let trigger = plan.trigger.in_words();
    format!("A {trigger} at a load of {}, and what retries make of it", plan.load)
}

/// The server and its clients.
pub(super) fn setup(plan: &StormPlan) -> String {
    format!(
        "{} with {} per call can serve {} calls per second; {} arrive, each with at most {} of {}; seed {}",
        counted(plan.workers as usize, "worker"),
        text(plan.service),
        rate(plan.capacity()),
        rate(plan.rate().calls_per_second()),
        counted(plan.attempts as usize, "attempt"),
        text(plan.timeout),
        plan.seed(),
    )
}

/// The name of a way.
pub(super) fn name(plan: &StormPlan, way: StormWay) -> String {
    match way {
        StormWay::NoRetries => "no retries".to_owned(),
        StormWay::Free => "retries, abandoned=free".to_owned(),
        StormWay::Work => "retries".to_owned(),
        StormWay::Limit => format!("retries, limit={}", plan.limit),
        StormWay::BackOff => "retries with back-off".to_owned(),
        StormWay::Budget => "retries with a budget".to_owned(),
    }
}

/// What became of a way, after its name.
pub(super) fn became(plan: &StormPlan, run: &StormRun) -> String {
    let lowest = run.lowest().map(|lowest| format!("down to {}/s, ", grouped(lowest)));
    let attempts = run.attempts_per_call();
    let attempts = attempts.map(|count| format!(", {count:.2} attempts per call"));
    format!(
        "{}{}{}",
        lowest.unwrap_or_default(),
        recovered(plan, run),
        attempts.unwrap_or_default()
    )
}

fn recovered(plan: &StormPlan, run: &StormRun) -> String {
    match run.recovery() {
        Recovery::After(after) if after.is_zero() => "whole again at once".to_owned(),
        Recovery::After(after) => format!("whole again after {}", text(after)),
        Recovery::Not => format!("not whole again within {}", text(plan.duration)),
        Recovery::Unknown => "ended too early to tell".to_owned(),
    }
}

/// The same, for a table.
pub(super) fn recovered_in_short(plan: &StormPlan, run: &StormRun) -> String {
    match run.recovery() {
        Recovery::After(after) => text(after),
        Recovery::Not => format!("> {}", text(plan.duration)),
        Recovery::Unknown => "?".to_owned(),
    }
}

/// What a reader should know before trusting the figures of a way.
pub(super) fn notes(plan: &StormPlan, run: &StormRun) -> Vec<String> {
    let mut notes = Vec::new();
    if run.late * 100 > run.due() {
        notes.push(format!(
            "{} of {} calls were sent more than {} late: this machine was too busy for the figures to be right",
            grouped(run.late),
            grouped(run.due()),
            text(plan.timeout / 10),
        ));
    }
    if run.was_whole_before() == Some(false) {
        notes.push(format!(
            "it was not whole even before the {}: something else was its trigger, perhaps this machine",
            plan.trigger.in_words()
        ));
    }
    if let Some(why) = &run.trouble {
        let failed = counted(usize::try_from(run.failed()).unwrap_or(usize::MAX), "attempt");
        notes.push(format!("{failed} failed in a way that nobody planned; the first: {why}"));
    }
    if !run.is_complete {
        notes.push("ended early".to_owned());
    }
    notes
}

/// What the table needs to be understood.
pub(super) fn remark(storm: &Storm) -> String {
    let plan = &storm.plan;
    let mut remark = format!(
        "goodput: calls per second answered within {}; whole again: when the first of three seconds in a row \
         with at least 95 % of the load began, from the end of the {}",
        text(plan.timeout),
        plan.trigger.in_words(),
    );
    if storm.runs.iter().any(|run| run.way != StormWay::Free) {
        remark.push_str("; abandoned=work, unless a way says otherwise");
    }
    if storm.runs.iter().any(|run| run.way == StormWay::BackOff) {
        let (first, longest) = (text(FIRST_PAUSE), text(plan.backoff_max));
        let _ = write!(remark, "; back-off: full jitter from {first} doubling to {longest}");
    }
    remark
}

/// A number of calls per second.
pub(super) fn rate(calls: f64) -> String {
    let tenths = format!("{calls:.1}");
    match tenths.strip_suffix(".0").and_then(|whole| whole.parse().ok()) {
        Some(whole) => grouped(whole),
        None => tenths,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::storm::outcome::tests::{run, second};
    use crate::storm::plan::StormOptions;

    fn plan() -> StormPlan {
        StormPlan::new(StormOptions { seed: Some(1), ..StormOptions::default() }).unwrap()
    }

    #[test]
    fn notes_say_what_makes_the_figures_of_a_way_wrong() {
        let healthy = run(StormWay::Work, &[80, 0, 80, 80, 80]);
        let notes = |run: StormRun| notes(&plan(), &run);
        // One call in a hundred may be late.
        assert_eq!(notes(StormRun { late: 4, ..healthy.clone() }), Vec::<String>::new());
        let late = notes(StormRun { late: 5, ..healthy.clone() });
        assert!(late[0].starts_with("5 of 400 calls were sent more than 10ms late"), "{late:?}");
        let sick = notes(run(StormWay::Work, &[40, 0, 80, 80, 80]));
        assert!(sick[0].starts_with("it was not whole even before the stall of 1s"), "{sick:?}");
        let mut slots = second(80);
        slots[0].failed = 2;
        let trouble = Some("Internal: gone".to_owned());
        let cut = notes(StormRun { slots, trouble, is_complete: false, ..healthy });
        let failed =
            "2 attempts failed in a way that nobody planned; the first: Internal: gone".to_owned();
        assert_eq!(cut, [failed, "ended early".to_owned()]);
    }

    #[test]
    fn the_remark_says_what_the_ways_of_the_table_have_in_common() {
        let remark = |way| {
            let options = StormOptions {
                backoff_max: Duration::from_secs(5),
                seed: Some(1),
                ..StormOptions::default()
            };
            let plan = StormPlan::new(options).unwrap();
            remark(&Storm { plan, runs: vec![run(way, &[80])], is_interrupted: false })
        };
        let free = remark(StormWay::Free);
        assert!(free.contains("answered within 100ms; whole again:"), "{free}");
        assert!(!free.contains("abandoned=work") && !free.contains("jitter"), "{free}");
        assert!(remark(StormWay::Work).ends_with("; abandoned=work, unless a way says otherwise"));
        let back_off = remark(StormWay::BackOff);
        assert!(
            back_off.ends_with("; back-off: full jitter from 50ms doubling to 5s"),
            "{back_off}"
        );
    }
}
