//! What no plan may exceed: larger values are typing errors, and no machine has them.

use longsync_load::Schedule;
use longsync_text::duration::LONGEST;
use longsync_text::grouped;

use super::{SettingsError, WrittenConnections, WrittenPlan};
use crate::request::check_deadline;

const MOST_WORKERS: u64 = 1_024;
const MOST_CONNECTIONS: u64 = 100_000;
const MOST_IN_FLIGHT: u64 = 10_000_000;
const MOST_SAMPLED: u64 = 1_000_000;

/// Checks that every number and every time is within what machines and clocks can handle.
pub(super) fn check(plan: &WrittenPlan) -> Result<(), SettingsError> {
    let times = [
        ("--delay", plan.delay),
        ("--deadline", plan.deadline),
        ("--think", plan.think),
        ("--duration", plan.duration),
        ("--warm-up", plan.warm_up),
        ("--grace", plan.grace),
    ];
    if let Some((flag, _)) = times.into_iter().find(|(_, time)| *time > Some(LONGEST)) {
        return Err(SettingsError::new(format!("{flag} is longer than 365 days: make it shorter")));
    }
    if let Some(deadline) = plan.deadline {
        check_deadline(deadline).map_err(|why| SettingsError::of("--deadline", why))?;
    }
    if plan.sample == Some(0) {
        return Err(SettingsError::new(
            "--sample 0 keeps no calls: give at least 1, or leave out both --sample and --sample-file",
        ));
    }
    let connections = match plan.connections {
        Some(WrittenConnections::Fixed(count)) => Some(count as u64),
        _ => None,
    };
    for (flag, count, most) in [
        ("--workers", plan.workers.map(|count| count as u64), MOST_WORKERS),
        ("--connections", connections, MOST_CONNECTIONS),
        ("--concurrency", plan.concurrency, MOST_IN_FLIGHT),
        ("--max-in-flight", plan.max_in_flight.map(|count| count as u64), MOST_IN_FLIGHT),
        ("--sample", plan.sample.map(u64::from), MOST_SAMPLED),
    ] {
        if let Some(count) = count.filter(|count| *count > most) {
            return Err(too_many(flag, count, most));
        }
    }
    Ok(())
}

/// Checks that a closed loop never has more calls in flight than that.
pub(super) fn check_schedule(schedule: &Schedule) -> Result<(), SettingsError> {
    match schedule {
        Schedule::Closed { concurrency, .. } if concurrency.most() > MOST_IN_FLIGHT => {
            Err(too_many("--concurrency-schedule", concurrency.most(), MOST_IN_FLIGHT))
        }
        _ => Ok(()),
    }
}

fn too_many(flag: &str, count: u64, most: u64) -> SettingsError {
    SettingsError::new(format!("{flag} {count} is too many: give at most {}", grouped(most)))
}
