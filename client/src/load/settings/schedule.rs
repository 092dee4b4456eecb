//! When calls are due, or how many are in flight; and combinations that contradict each other.

use std::num::NonZeroUsize;
use std::time::Duration;

use longsync_load::{Arrivals as Law, Concurrency, Profile, Replay, Schedule};
use longsync_text::Rate;

use super::{SettingsError, WrittenArrivals, WrittenPlan};

/// The default number of calls that a closed loop keeps in flight.
pub(super) const IN_FLIGHT: u64 = 50;

const SPEED_ALONE: &str = "--replay-speed scales the times of --replay: give both, or neither";

/// Whether a call begins when another has ended: the default, unless a flag says when calls are due.
pub(super) fn is_closed(plan: &WrittenPlan) -> bool {
    dues(plan).next().is_none() && plan.arrivals != Some(WrittenArrivals::AtOnce)
}

/// The given flags that say when calls are due.
fn dues(plan: &WrittenPlan) -> impl Iterator<Item = &'static str> + use<> {
    let flags = [
        ("--rate", plan.rate.is_some()),
        ("--schedule", plan.schedule.is_some()),
        ("--schedule-file", plan.schedule_points.is_some()),
        ("--replay", plan.replay.is_some()),
    ];
    flags.into_iter().filter_map(|(flag, is_given)| is_given.then_some(flag))
}

/// The schedule of the plan; everything random in it follows from this seed.
pub(super) fn schedule(plan: &WrittenPlan, seed: u64) -> Result<Schedule, SettingsError> {
    let mut given = dues(plan);
    if let (Some(one), Some(other)) = (given.next(), given.next()) {
        return Err(SettingsError::new(format!(
            "{one} and {other} both say when calls are due: give one of the two"
        )));
    }
    if is_closed(plan) {
        return closed(plan);
    }
    not_closed(plan)?;
    if let Some(file) = &plan.replay {
        return replay(plan, file);
    }
    if plan.replay_speed.is_some() {
        return Err(SettingsError::new(SPEED_ALONE));
    }
    let arrivals = match plan.arrivals {
        Some(WrittenArrivals::AtOnce) => return at_once(plan),
        None | Some(WrittenArrivals::Constant) => Law::Constant,
        Some(WrittenArrivals::Poisson) => Law::Poisson,
        Some(WrittenArrivals::Uniform) => Law::Uniform,
    };
    Ok(Schedule::Open { profile: profile(plan)?, arrivals, seed })
}

/// The rate over time.
fn profile(plan: &WrittenPlan) -> Result<Profile, SettingsError> {
    if let Some(text) = &plan.schedule {
        return text.parse().map_err(|why| SettingsError::of("--schedule", why));
    }
    if let Some(points) = &plan.schedule_points {
        return Profile::from_csv(points).map_err(|why| SettingsError::of("--schedule-file", why));
    }
    let text = plan.rate.as_deref().unwrap_or_default();
    let rate: Rate = text.parse().map_err(|why| SettingsError::of("--rate", why))?;
    if rate.is_zero() {
        return Err(SettingsError::new(
            "--rate 0 makes no calls: give a rate above 0, such as 2000/s or 1/min",
        ));
    }
    Ok(Profile::constant(rate))
}

fn replay(plan: &WrittenPlan, file: &str) -> Result<Schedule, SettingsError> {
    if plan.arrivals.is_some() {
        return Err(SettingsError::new(
            "--replay gives the due times, and --arrivals says how to draw them: give one of the two",
        ));
    }
    let replay = Replay::read(file).map_err(|why| SettingsError::of("--replay", why))?;
    let Some(speed) = &plan.replay_speed else { return Ok(Schedule::Replay(replay)) };
    let wrong = |why| SettingsError::of("--replay-speed", why);
    Ok(Schedule::Replay(replay.at_speed(speed.parse().map_err(wrong)?).map_err(wrong)?))
}

fn at_once(plan: &WrittenPlan) -> Result<Schedule, SettingsError> {
    const ALL: &str = "--arrivals at-once makes all calls at the start";
    if let Some(flag) = dues(plan).next() {
        return Err(SettingsError::new(format!(
            "{ALL}, and {flag} spreads them over time: give one of the two"
        )));
    }
    if plan.calls.is_none() {
        return Err(SettingsError::new(format!("{ALL}: say how many with -n")));
    }
    let has_warm_up = plan.warm_up.is_some_and(|time| !time.is_zero());
    for (flag, is_given) in [("--duration", plan.duration.is_some()), ("--warm-up", has_warm_up)] {
        if is_given {
            return Err(SettingsError::new(format!("{ALL}: leave {flag} out")));
        }
    }
    Ok(Schedule::AtOnce)
}

fn closed(plan: &WrittenPlan) -> Result<Schedule, SettingsError> {
    if plan.arrivals.is_some() {
        return Err(SettingsError::new(
            "--arrivals says how the due times of a --rate or a --schedule are spaced: give one of these too",
        ));
    }
    if plan.replay_speed.is_some() {
        return Err(SettingsError::new(SPEED_ALONE));
    }
    if plan.max_in_flight.is_some() {
        return Err(SettingsError::new(
            "--max-in-flight bounds calls that are due at a --rate; without one, give --concurrency instead",
        ));
    }
    let think = plan.think.unwrap_or(Duration::ZERO);
    let concurrency = match (&plan.concurrency_schedule, plan.concurrency) {
        (Some(_), Some(_)) => {
            return Err(SettingsError::new(
                "--concurrency and --concurrency-schedule both say how many calls are in flight: give one of the two",
            ));
        }
        (Some(text), None) => {
            text.parse().map_err(|why| SettingsError::of("--concurrency-schedule", why))?
        }
        (None, number) => Concurrency::constant(in_flight(number.unwrap_or(IN_FLIGHT))?),
    };
    Ok(Schedule::Closed { concurrency, think })
}

fn in_flight(number: u64) -> Result<NonZeroUsize, SettingsError> {
    let few = || SettingsError::new("--concurrency 0 keeps no calls in flight: give at least 1");
    usize::try_from(number).ok().and_then(NonZeroUsize::new).ok_or_else(few)
}

/// Checks that no flag is given that an open loop does not have.
fn not_closed(plan: &WrittenPlan) -> Result<(), SettingsError> {
    let due = dues(plan).next().unwrap_or("--arrivals at-once");
    if let Some(concurrency) = plan.concurrency {
        return Err(SettingsError::new(both_loops(plan, due, concurrency)));
    }
    for (flag, is_given) in [
        ("--think", plan.think.is_some()),
        ("--concurrency-schedule", plan.concurrency_schedule.is_some()),
    ] {
        if is_given {
            return Err(SettingsError::new(format!(
                "{due} says when calls are due, but {flag} is for calls that begin when others end: give one of the two"
            )));
        }
    }
    Ok(())
}

/// The error for an open and a closed loop at once, and how to write either.
fn both_loops(plan: &WrittenPlan, due: &str, concurrency: u64) -> String {
    let limited = match &plan.rate {
        Some(rate) => format!("`{due} {rate} --max-in-flight {concurrency}`"),
        None => format!("`--max-in-flight {concurrency}` instead of `--concurrency {concurrency}`"),
    };
    format!(
        "{due} says when calls are due, whatever the server does, and --concurrency {concurrency} has each begin when \
         another ends. For calls at their due times, at most {concurrency} of them in flight, write {limited}; for \
         always {concurrency} in flight, as fast as the server answers, write `--concurrency {concurrency}` alone"
    )
}
