//! What a storm teaches, by its own figures. Pure.

use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::grouped;

use crate::storm::load_share::LoadShare;
use crate::storm::outcome::{Recovery, Storm, StormRun};
use crate::storm::retry::RetryPolicy;
use crate::storm::way::StormWay;
use crate::storm::words::{name, rate};

/// What retries add to the calls that are due, at least, if they keep a server busy: those of a budget add a tenth.
const CLEARLY_MORE: f64 = 1.05;
/// The share of calls answered in time at which a server is no longer on the ground.
const LOW: f64 = 0.5;

/// A way that was whole again, and how long after its trigger.
type Whole<'a> = (&'a StormRun, Duration);

/// The lesson.
pub(super) fn lesson(storm: &Storm) -> String {
    if storm.runs.iter().all(|run| run.recovery() == Recovery::Unknown) {
        return "No way ran long enough to teach anything.".to_owned();
    }
    if storm.plan.load >= LoadShare::CAPACITY {
        return overloaded(storm);
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
        let is_fed = is_fed(storm, worst);
        let mut sentences =
            vec![if is_fed { of_fed(storm, worst, &whole) } else { of_unfed(storm, worst) }];
        sentences.extend(of_back_off(storm, &sick));
        sentences.extend(of_cures(storm, &whole, is_fed));
        return sentences.join(" ");
    }
    match whole.iter().copied().max_by_key(|(_, after)| *after) {
        Some(last) => of_whole(storm, last, whole.len()),
        None => never_whole(storm),
    }
}

fn never_whole(storm: &Storm) -> String {
    format!(
        "At a load of {} the server was not whole even before the {}: the timeout is too short for the service, \
         the room too small for chance, or this machine too busy. Choose a lower --load or a longer --timeout.",
        storm.plan.load,
        storm.plan.trigger.in_words()
    )
}

/// Whatever came of the ways, their retries are not to blame for it.
fn overloaded(storm: &Storm) -> String {
    format!(
        "At a load of {} the server has no spare capacity: even without retries it cannot work off what the {} \
         left behind, and its queue grows until calls time out. Choose a --load below 100%.",
        storm.plan.load,
        storm.plan.trigger.in_words()
    )
}

/// The sentence about ways that got over it, of which this one took longest. Of the others, if there are any,
/// nothing is known.
fn of_whole(storm: &Storm, (last, after): Whole<'_>, count: usize) -> String {
    let (trigger, last) = (storm.plan.trigger.in_words(), name(&storm.plan, last.way));
    let (who, was) = match count {
        1 => (format!("`{last}`"), "was"),
        _ if count == storm.runs.len() => ("Every way".to_owned(), "was"),
        _ => (format!("{count} of {} ways", storm.runs.len()), "were"),
    };
    if after.is_zero() {
        return format!("{who} {was} whole again as soon as the {trigger} was over.");
    }
    let which = if count == 1 { String::new() } else { format!(", `{last}` last") };
    let who = format!("{who} got over the {trigger}{which}");
    format!(
        "{who}, {} after its end: there was enough spare capacity to work off what it left behind. Raise --load \
         or --attempts, or make the stall longer.",
        text(after)
    )
}

/// Whether retries keep it from getting over it, rather than what was left behind.
fn is_fed(storm: &Storm, run: &StormRun) -> bool {
    let figures = (run.goodput_last(), run.due_last(), run.attempts_last());
    let (Some(goodput), Some(due), Some(attempts)) = figures else { return false };
    run.way.policy() != RetryPolicy::Never
        && attempts > storm.plan.capacity()
        && attempts > CLEARLY_MORE * due
        && goodput < LOW * due
}

/// How a sentence about a way begins that did not get over it.
fn still(storm: &Storm, run: &StormRun) -> String {
    format!(
        "The {} had been over for {}, and `{}` still had {} calls per second answered in time",
        storm.plan.trigger.in_words(),
        text(storm.plan.duration),
        name(&storm.plan, run.way),
        rate(run.goodput_last().unwrap_or(0.0)),
    )
}

/// The sentence about a way that its retries keep from getting over it.
fn of_fed(storm: &Storm, worst: &StormRun, whole: &[Whole<'_>]) -> String {
    let control = whole.iter().any(|(run, _)| run.way == StormWay::NoRetries);
    let control = if control { ", and without them it was whole again" } else { "" };
    format!(
        "{}: its retries made {} attempts per second of {} calls, more than the {} that the server can \
         serve{control}. The cause is gone and the failure feeds itself: it is metastable.",
        still(storm, worst),
        rate(worst.attempts_last().unwrap_or(0.0).round()),
        rate(storm.plan.rate().calls_per_second()),
        rate(storm.plan.capacity())
    )
}

/// The sentence about a way that only needs time.
fn of_unfed(storm: &Storm, worst: &StormRun) -> String {
    if worst.is_whole_at_last() {
        return format!(
            "`{}` had enough calls answered in time in its last three seconds together, but never in each of three \
             in a row: it got over the {} too late to tell, or so few calls are due that seconds differ by chance. \
             Make --duration longer, or choose more --workers.",
            name(&storm.plan, worst.way),
            storm.plan.trigger.in_words(),
        );
    }
    format!(
        "{}: what it left behind takes longer to work off than anyone watched. Make --duration longer.",
        still(storm, worst)
    )
}

/// The sentence about back-off, if it was tried and did not help.
fn of_back_off(storm: &Storm, sick: &[&StormRun]) -> Option<String> {
    let fed = |way| sick.iter().find(|run| run.way == way && is_fed(storm, run));
    let run = fed(StormWay::BackOff)?;
    // The sentence compares the two.
    fed(StormWay::Work)?;
    let attempts = rate(run.attempts_last()?.round());
    Some(format!(
        "Back-off alone did not end it: it makes retries later, not fewer, and {} after the {} there were \
         still {attempts} attempts per second.",
        text(storm.plan.duration),
        storm.plan.trigger.in_words(),
    ))
}

/// The sentence about the ways that got over it although they retry. Fewer retries end nothing that retries did
/// not cause.
fn of_cures(storm: &Storm, whole: &[Whole<'_>], is_fed: bool) -> Option<String> {
    let mut cures: Vec<String> = Vec::new();
    for (run, after) in whole {
        let what = match run.way {
            StormWay::Free => "a server that drops abandoned calls".to_owned(),
            StormWay::Limit => {
                format!("a queue of at most {} calls", grouped(storm.plan.limit.into()))
            }
            StormWay::Budget | StormWay::BackOff if !is_fed => continue,
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
        let said = lesson(&storm(vec![run(StormWay::BackOff, &SICK), run(StormWay::Work, &SICK)]));
        assert!(said.contains("over for 4s, and `retries` still had"), "{said}");
        assert!(said.contains("Back-off alone did not end it"), "{said}");
        let said = lesson(&storm(vec![run(StormWay::BackOff, &WHOLE), run(StormWay::Work, &SICK)]));
        assert!(said.ends_with("What ended it: back-off (at once)."), "{said}");
        let said = lesson(&storm(vec![run(StormWay::BackOff, &SICK)]));
        assert!(!said.contains("did not end it") && !said.contains("without them"), "{said}");
    }

    /// Of 20 calls in a slot, this many were answered in time and this many attempts made.
    fn sick(way: StormWay, good: u64, attempts: u64) -> StormRun {
        let mut run = run(way, &SICK);
        run.slots[8..].iter_mut().for_each(|slot| (slot.good, slot.attempts) = (good, attempts));
        run
    }

    #[test]
    fn retries_are_blamed_only_if_they_are_many_and_few_calls_are_answered() {
        for (good, attempts, is_fed) in [
            (0, 26, true),
            (9, 26, true),
            // The server can serve them.
            (0, 25, false),
            // It does.
            (10, 26, false),
            (18, 80, false),
        ] {
            let said = lesson(&storm(vec![sick(StormWay::Work, good, attempts)]));
            assert_eq!(said.contains("it is metastable"), is_fed, "{good} {attempts}: {said}");
            assert_ne!(said.contains("Make --duration longer."), is_fed, "{said}");
        }
        // More calls than on average were due, and hardly one of them twice.
        let mut crowded = sick(StormWay::Work, 0, 26);
        crowded.slots[8..].iter_mut().for_each(|slot| slot.due = 25);
        let said = lesson(&storm(vec![crowded]));
        assert!(said.contains("Make --duration longer.") && !said.contains("metastable"), "{said}");
    }

    #[test]
    fn a_load_that_leaves_no_capacity_is_blamed_for_everything() {
        for load in ["100%", "103%"] {
            for good in [SICK, WHOLE, SLOW, [40, 0, 40, 40, 40, 40]] {
                let mut storm =
                    storm(vec![run(StormWay::NoRetries, &good), run(StormWay::Work, &SICK)]);
                let options = StormOptions { load: load.parse().unwrap(), ..(*storm.plan).clone() };
                storm.plan = StormPlan::new(options).unwrap();
                assert_eq!(
                    lesson(&storm),
                    format!(
                        "At a load of {load} the server has no spare capacity: even without retries it cannot \
                         work off what the stall of 1s left behind, and its queue grows until calls time out. \
                         Choose a --load below 100%."
                    )
                );
            }
        }
    }

    #[test]
    fn a_way_that_was_whole_too_late_or_differs_by_chance_is_not_said_to_have_much_left() {
        for good in [[80, 0, 70, 80, 75, 80], [80, 0, 80, 75, 80, 80]] {
            let said = lesson(&storm(vec![run(StormWay::NoRetries, &good)]));
            assert!(said.starts_with("`no retries` had enough calls"), "{said}");
            assert!(!said.contains("left behind"), "{said}");
        }
    }

    #[test]
    fn back_off_and_a_budget_are_judged_only_if_retries_were_the_trouble() {
        let once = |way| sick(way, 0, 20);
        let said = lesson(&storm(vec![once(StormWay::Work), once(StormWay::BackOff)]));
        assert!(!said.contains("Back-off alone"), "{said}");
        // One of them is fed by its retries, the other is not.
        let said = lesson(&storm(vec![run(StormWay::Work, &SICK), once(StormWay::BackOff)]));
        assert!(said.contains("metastable") && !said.contains("Back-off alone"), "{said}");
        let said = lesson(&storm(vec![once(StormWay::Work), run(StormWay::BackOff, &SICK)]));
        assert!(!said.contains("Back-off alone"), "{said}");
        let ways = [StormWay::Limit, StormWay::BackOff, StormWay::Budget];
        let whole = ways.map(|way| run(way, &WHOLE));
        let said = lesson(&storm([vec![once(StormWay::Work)], whole.to_vec()].concat()));
        assert!(said.ends_with("What ended it: a queue of at most 50 calls (at once)."), "{said}");
    }

    #[test]
    fn every_way_means_every_way_that_was_run() {
        let whole = || vec![run(StormWay::NoRetries, &WHOLE), run(StormWay::Free, &WHOLE)];
        let with = |other: StormRun| lesson(&storm([whole(), vec![other]].concat()));
        let said = lesson(&storm(whole()));
        assert_eq!(said, "Every way was whole again as soon as the stall of 1s was over.");
        let cut = StormRun { is_complete: false, ..run(StormWay::Work, &[80, 0, 80]) };
        let sick_before = run(StormWay::Work, &[40, 0, 40, 40, 40, 40]);
        for other in [cut, sick_before] {
            assert_eq!(
                with(other),
                "2 of 3 ways were whole again as soon as the stall of 1s was over."
            );
        }
        let slow = vec![
            run(StormWay::NoRetries, &SLOW),
            run(StormWay::Free, &WHOLE),
            StormRun { is_complete: false, ..run(StormWay::Work, &[80, 0]) },
        ];
        let said = lesson(&storm(slow));
        let some = "2 of 3 ways got over the stall of 1s, `no retries` last, 1s after";
        assert!(said.starts_with(some), "{said}");
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
