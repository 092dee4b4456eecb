//! What a storm teaches, by its own figures. Pure.

use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::grouped;

use crate::storm::load_share::LoadShare;
use crate::storm::outcome::{Recovery, Storm, StormRun};
use crate::storm::retry::RetryPolicy;
use crate::storm::way::StormWay;
use crate::storm::words::{name, rate};

/// A way that was whole again, and how long after its trigger.
type Whole<'a> = (&'a StormRun, Duration);

/// The lesson.
pub(super) fn lesson(storm: &Storm) -> String {
    if storm.runs.iter().all(|run| run.recovery() == Recovery::Unknown) {
        return "No way ran long enough to teach anything.".to_owned();
    }
    let (mut sick, mut whole) = (Vec::new(), Vec::<Whole<'_>>::new());
    // What was sick before its trigger teaches nothing about it.
    for run in storm.runs.iter().filter(|run| run.was_whole_before() == Some(true)) {
        match run.recovery() {
            Recovery::After(after) => whole.push((run, after)),
            Recovery::Not => sick.push(run),
            Recovery::Unknown => {}
        }
    }
    if let Some(worst) = sick.iter().find(|run| run.way == StormWay::Work).or_else(|| sick.first())
    {
        let mut sentences = vec![of_sick(storm, worst, &whole)];
        sentences.extend(of_back_off(storm, &sick));
        sentences.extend(of_cures(storm, &whole));
        return sentences.join(" ");
    }
    match whole.iter().copied().max_by_key(|(_, after)| *after) {
        Some(last) => all_whole(storm, last, whole.len() == 1),
        None => overloaded(storm),
    }
}

fn overloaded(storm: &Storm) -> String {
    let load = storm.plan.load;
    let why = if load < LoadShare::CAPACITY {
        "the timeout is too short for the service, the room too small for chance, or this machine too busy"
    } else {
        "nobody can serve more than 100 %"
    };
    format!(
        "At a load of {load} the server was not whole even before the {}: {why}. Choose a lower --load or a \
         longer --timeout.",
        storm.plan.trigger.in_words()
    )
}

/// The sentence about ways that all got over it, of which this one took longest.
fn all_whole(storm: &Storm, (last, after): Whole<'_>, is_alone: bool) -> String {
    let (trigger, last) = (storm.plan.trigger.in_words(), name(&storm.plan, last.way));
    if after.is_zero() {
        let who = if is_alone { format!("`{last}`") } else { "Every way".to_owned() };
        return format!("{who} was whole again as soon as the {trigger} was over.");
    }
    let who = if is_alone {
        format!("`{last}` got over the {trigger}")
    } else {
        format!("Every way got over the {trigger}, `{last}` last")
    };
    format!(
        "{who}, {} after its end: there was enough spare capacity to work off what it left behind. Raise --load \
         or --attempts, or make the stall longer.",
        text(after)
    )
}

/// The sentence about a way that did not get over it.
fn of_sick(storm: &Storm, worst: &StormRun, whole: &[Whole<'_>]) -> String {
    let plan = &storm.plan;
    let (trigger, within) = (plan.trigger.in_words(), text(plan.duration));
    let goodput = rate(worst.goodput_last().unwrap_or(0.0));
    let last = format!(
        "The {trigger} had been over for {within}, and `{}` still had {goodput} calls per second answered in time",
        name(plan, worst.way)
    );
    let attempts = worst.attempts_last().unwrap_or(0.0);
    let capacity = plan.capacity();
    if worst.way.policy() == RetryPolicy::Never || attempts <= capacity {
        return format!(
            "{last}: what it left behind takes longer to work off than anyone watched. Make --duration longer."
        );
    }
    let control = whole.iter().any(|(run, _)| run.way == StormWay::NoRetries);
    let control = if control { ", and without them it was whole again" } else { "" };
    format!(
        "{last}: its retries made {} attempts per second of {} calls, more than the {} that the server can \
         serve{control}. The cause is gone and the failure feeds itself: it is metastable.",
        rate(attempts.round()),
        rate(plan.rate().calls_per_second()),
        rate(capacity)
    )
}

/// The sentence about back-off, if it was tried and did not help.
fn of_back_off(storm: &Storm, sick: &[&StormRun]) -> Option<String> {
    let run = sick.iter().find(|run| run.way == StormWay::BackOff)?;
    // The sentence compares the two.
    sick.iter().find(|run| run.way == StormWay::Work)?;
    let attempts = rate(run.attempts_last()?.round());
    Some(format!(
        "Back-off alone did not end it: it makes retries later, not fewer, and {} after the {} there were \
         still {attempts} attempts per second.",
        text(storm.plan.duration),
        storm.plan.trigger.in_words(),
    ))
}

/// The sentence about the ways that got over it although they retry.
fn of_cures(storm: &Storm, whole: &[Whole<'_>]) -> Option<String> {
    let mut cures: Vec<String> = Vec::new();
    for (run, after) in whole {
        let what = match run.way {
            StormWay::Free => "a server that drops abandoned calls".to_owned(),
            StormWay::Limit => {
                format!("a queue of at most {} calls", grouped(storm.plan.limit.into()))
            }
            StormWay::Budget => "a retry budget of 10 %".to_owned(),
            StormWay::BackOff => "back-off".to_owned(),
            StormWay::NoRetries | StormWay::Work => continue,
        };
        let when =
            if after.is_zero() { "at once".to_owned() } else { format!("after {}", text(*after)) };
        cures.push(format!("{what} ({when})"));
    }
    let last = cures.pop()?;
    let cures = if cures.is_empty() { last } else { format!("{} and {last}", cures.join(", ")) };
    Some(format!("What ended it: {cures}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storm::outcome::tests::run;
    use crate::storm::plan::{StormOptions, StormPlan};

    const WHOLE: [u64; 6] = [80, 0, 80, 80, 80, 80];
    const SLOW: [u64; 6] = [80, 0, 0, 80, 80, 80];
    const SICK: [u64; 6] = [80, 0, 0, 0, 0, 0];

    /// Capacity 100 and load 80 per second, as the runs of tests have it: of 160 attempts.
    fn storm(runs: Vec<StormRun>) -> Storm {
        let options = StormOptions {
            workers: 1,
            duration: Duration::from_secs(4),
            seed: Some(1),
            ..StormOptions::default()
        };
        Storm { plan: StormPlan::new(options).unwrap(), runs, is_interrupted: false }
    }

    #[test]
    fn a_storm_that_some_ways_end_says_which() {
        let runs = vec![
            run(StormWay::NoRetries, &SLOW),
            run(StormWay::Work, &SICK),
            run(StormWay::Limit, &WHOLE),
            run(StormWay::BackOff, &SICK),
            run(StormWay::Budget, &SLOW),
        ];
        assert_eq!(
            lesson(&storm(runs)),
            "The stall of 1s had been over for 4s, and `retries` still had 0 calls per second answered in \
             time: its retries made 160 attempts per second of 80 calls, more than the 100 that the server \
             can serve, and without them it was whole again. The cause is gone and the failure feeds itself: \
             it is metastable. Back-off alone did not end it: it makes retries later, not fewer, and 4s after \
             the stall of 1s there were still 160 attempts per second. What ended it: a queue of at most 50 \
             calls (at once) and a retry budget of 10 % (after 1s)."
        );
    }

    #[test]
    fn the_lesson_is_what_was_measured() {
        let said = lesson(&storm(vec![run(StormWay::Work, &WHOLE)]));
        assert_eq!(said, "`retries` was whole again as soon as the stall of 1s was over.");
        let said = lesson(&storm(vec![run(StormWay::Work, &SLOW)]));
        assert!(said.starts_with("`retries` got over the stall of 1s, 1s after"), "{said}");
        let said = lesson(&storm(vec![run(StormWay::Work, &SLOW), run(StormWay::Free, &WHOLE)]));
        assert!(said.contains("`retries` last, 1s after its end"), "{said}");
        let said = lesson(&storm(vec![run(StormWay::NoRetries, &SICK)]));
        assert!(said.contains("Make --duration longer") && !said.contains("metastable"), "{said}");
        // Retries that the server can serve do not keep it sick.
        let mut few = run(StormWay::Work, &SICK);
        few.slots.iter_mut().for_each(|slot| slot.attempts = slot.due);
        let said = lesson(&storm(vec![few]));
        assert!(said.contains("Make --duration longer") && !said.contains("metastable"), "{said}");
        let said = lesson(&storm(vec![run(StormWay::BackOff, &SICK), run(StormWay::Work, &SICK)]));
        assert!(said.contains("over for 4s, and `retries` still had"), "{said}");
        assert!(said.contains("Back-off alone did not end it"), "{said}");
        let said = lesson(&storm(vec![run(StormWay::BackOff, &WHOLE), run(StormWay::Work, &SICK)]));
        assert!(said.ends_with("What ended it: back-off (at once)."), "{said}");
        let said = lesson(&storm(vec![run(StormWay::BackOff, &SICK)]));
        assert!(!said.contains("did not end it") && !said.contains("without them"), "{said}");
    }

    #[test]
    fn a_server_that_was_never_whole_teaches_that() {
        let said = lesson(&storm(vec![run(StormWay::Work, &[40, 0, 40, 40, 40, 40])]));
        assert!(said.contains("was not whole even before the stall of 1s"), "{said}");
        let said = lesson(&storm(vec![
            run(StormWay::Budget, &[40, 0, 40, 40, 40, 40]),
            run(StormWay::Free, &WHOLE),
        ]));
        let alone =
            "`retries, abandoned=free` was whole again as soon as the stall of 1s was over.";
        assert_eq!(said, alone);
        let cut = StormRun { is_complete: false, ..run(StormWay::Work, &[80, 0]) };
        assert!(lesson(&storm(vec![cut])).contains("long enough"));
    }
}
