//! What a load was asked to do.

mod calls;
mod limits;
mod nanoseconds;
mod schedule;
mod settings_error;
mod written;

use std::collections::BTreeMap;
use std::time::Duration;

use longsync_load::{DEFAULT_SPIN, LoadPlan, LoadPlanBuilder, Schedule, StopCondition};
use longsync_stats::{Loop, StopRule, Threshold};

use crate::seed;

pub use self::settings_error::SettingsError;
pub use self::written::{Auto, WrittenArrivals, WrittenConnections, WrittenPayload, WrittenPlan};

/// The default for how long a run makes calls.
const DURATION: Duration = Duration::from_secs(10);
/// The default for how long open calls may take to end.
const GRACE: Duration = Duration::from_secs(10);
/// The default number of calls that may be in flight in an open loop.
const DEFAULT_MAX_IN_FLIGHT: usize = 1_000_000;
/// The maximum number of connections that `auto` opens.
const MOST_AUTO_CONNECTIONS: usize = 1_024;

/// What a load was asked to do: everything needed to repeat it.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// The name of the run.
    pub name: Option<String>,
    /// Its user's note on it.
    pub tags: BTreeMap<String, String>,
    /// The server, as a URL.
    pub url: String,
    /// The seed of everything random.
    pub seed: u64,
    /// Whether a call begins when another has ended; otherwise each has a due time.
    pub is_closed: bool,
    /// The plan as it was written, completed with defaults.
    pub plan: WrittenPlan,
    /// The thresholds it must meet.
    pub thresholds: Vec<Threshold>,
    /// How many calls may be in flight; in a closed loop, the most that ever are.
    pub max_in_flight: u64,
    /// The recorded time after which it makes no further calls, if that is known.
    pub lasts: Option<Duration>,
}

impl Settings {
    /// The settings, and their plan for the engine.
    ///
    /// # Errors
    /// If parts of the plan contradict one another, or it is impossible with any server.
    pub fn read(mut plan: WrittenPlan) -> Result<(Self, LoadPlan), SettingsError> {
        limits::check(&plan)?;
        let target = calls::target(&plan)?;
        let seed = plan.seed.unwrap_or_else(seed::short);
        let schedule = schedule::schedule(&plan, seed)?;
        let is_closed = schedule::is_closed(&plan);
        limits::check_schedule(&schedule)?;
        fill_in(&mut plan, target.to_string(), seed, &schedule);
        let max_in_flight = match &schedule {
            Schedule::Closed { concurrency, .. } => concurrency.most(),
            _ => plan.max_in_flight.map_or(0, |most| most as u64),
        };
        let lasts = [plan.duration, schedule.end()].into_iter().flatten().min();
        let stop_rule = plan.stop_when.as_deref().map(|text| stop_rule(text, is_closed));
        let stop_rule = stop_rule.transpose()?;
        let calls = calls::calls(&plan, seed)?;
        let builder = LoadPlan::builder(target, calls, schedule, stop(&plan))
            .metadata(calls::metadata(&plan)?)
            .good_statuses(calls::good_statuses(&plan)?)
            .sample(plan.sample.map_or(Ok(0), usize::try_from).unwrap_or(usize::MAX))
            .stop_rules(stop_rule.into_iter().collect())
            .seed(seed);
        let load_plan = with_sending(builder, &plan)
            .build()
            .map_err(|why| SettingsError::of_plan(why, &plan))?;
        let url = plan.url.clone().unwrap_or_default();
        let settings = Self { url, seed, is_closed, plan, max_in_flight, lasts, ..Self::default() };
        Ok((settings, load_plan))
    }

    /// Sets the thresholds that the run must meet.
    ///
    /// # Errors
    /// If a text is not a threshold, or is about something that a closed loop does not measure.
    pub fn judge(&mut self, thresholds: &[String]) -> Result<(), SettingsError> {
        let wrong = |why| SettingsError::of("--threshold", why);
        for text in thresholds {
            let threshold: Threshold = text.parse().map_err(wrong)?;
            threshold.measured_in(self.kind()).map_err(wrong)?;
            self.thresholds.push(threshold);
        }
        Ok(())
    }

    /// The seed that is this many steps later.
    ///
    /// # Errors
    /// If there is no such seed.
    pub fn later_seed(&self, further: u64) -> Result<u64, SettingsError> {
        self.seed.checked_add(further).ok_or_else(|| {
            SettingsError::new(format!(
                "each repetition takes the next seed, and there are not enough after {}: give a lower --seed",
                self.seed
            ))
        })
    }

    /// The same with a seed this many steps later, and its plan for the engine.
    ///
    /// # Errors
    /// If there is no such seed.
    pub fn with_later_seed(&self, further: u64) -> Result<(Self, LoadPlan), SettingsError> {
        let seed = Some(self.later_seed(further)?);
        let (later, plan) = Self::read(WrittenPlan { seed, ..self.plan.clone() })?;
        let (name, tags) = (self.name.clone(), self.tags.clone());
        Ok((Self { name, tags, thresholds: self.thresholds.clone(), ..later }, plan))
    }

    /// What triggers the next call.
    pub fn kind(&self) -> Loop {
        if self.is_closed { Loop::Closed } else { Loop::Open }
    }

    /// The prefix of call ids, before the call's number; [`None`] if calls have no ids.
    pub fn call_id_prefix(&self) -> Option<String> {
        calls::call_id_prefix(&self.plan, self.seed)
    }
}

/// Completes a plan with the defaults, so that it always means the same.
fn fill_in(plan: &mut WrittenPlan, url: String, seed: u64, schedule: &Schedule) {
    (plan.url, plan.seed) = (Some(url), Some(seed));
    plan.grace.get_or_insert(GRACE);
    let workers = *plan.workers.get_or_insert(1);
    plan.connections.get_or_insert(WrittenConnections::Fixed(workers));
    let has_end = plan.calls.is_some() || schedule.end().is_some();
    if !matches!(schedule, Schedule::Closed { .. }) {
        plan.max_in_flight.get_or_insert(DEFAULT_MAX_IN_FLIGHT);
        plan.spin.get_or_insert(DEFAULT_SPIN);
    } else if plan.concurrency_schedule.is_none() {
        plan.concurrency.get_or_insert(schedule::IN_FLIGHT);
    }
    // An endless schedule that was written out must itself say when it ends.
    let is_plain = plan.schedule.is_none() && plan.concurrency_schedule.is_none();
    if !has_end && is_plain {
        plan.duration.get_or_insert(DURATION);
    }
}

fn stop_rule(text: &str, is_closed: bool) -> Result<StopRule, SettingsError> {
    let wrong = |why| SettingsError::of("--stop-when", why);
    let rule: StopRule = text.parse().map_err(wrong)?;
    let kind = if is_closed { Loop::Closed } else { Loop::Open };
    rule.measured_in(kind).map_err(wrong)?;
    Ok(rule)
}

fn stop(plan: &WrittenPlan) -> StopCondition {
    match (plan.calls, plan.duration) {
        (Some(calls), Some(time)) => StopCondition::after_calls_or(calls, time),
        (Some(calls), None) => StopCondition::after_calls(calls),
        (None, Some(time)) => StopCondition::after(time),
        (None, None) => StopCondition::with_the_schedule(),
    }
}

/// The builder with the way in which the plan sends its calls.
fn with_sending(mut builder: LoadPlanBuilder, plan: &WrittenPlan) -> LoadPlanBuilder {
    let zero = Duration::ZERO;
    builder = builder
        .workers(plan.workers.unwrap_or(1))
        .max_in_flight(plan.max_in_flight.unwrap_or(DEFAULT_MAX_IN_FLIGHT))
        .warm_up(plan.warm_up.unwrap_or(zero))
        .grace(plan.grace.unwrap_or(GRACE))
        .spin(plan.spin.unwrap_or(DEFAULT_SPIN));
    builder = match plan.connections {
        Some(WrittenConnections::Auto(Auto::Auto)) => {
            builder.connections_at_most(MOST_AUTO_CONNECTIONS)
        }
        Some(WrittenConnections::Fixed(count)) => builder.connections(count),
        None => builder,
    };
    match plan.deadline {
        Some(deadline) => builder.deadline(deadline),
        None => builder,
    }
}

#[cfg(test)]
mod tests;
