//! Why a load cannot run as it was asked to.

use longsync_connect::request::RequestError;
use longsync_load::LoadPlanError;

use super::{WrittenConnections, WrittenPlan};

/// Why a load cannot run as it was asked to: a sentence that says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

impl SettingsError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// Why the engine refuses this plan, in terms of the flags.
    pub(super) fn of_plan(why: LoadPlanError, plan: &WrittenPlan) -> Self {
        Self(match why {
            LoadPlanError::TooFewConnections { connections, workers } => format!(
                "--connections {connections} is too few for --workers {workers}: each worker needs at least one"
            ),
            LoadPlanError::None { .. } if plan.workers == Some(0) => {
                "--workers 0 sends nothing: give at least 1".to_owned()
            }
            LoadPlanError::None { .. } if plan.connections == Some(WrittenConnections::Fixed(0)) => {
                "--connections 0 carries no calls: give at least 1, or auto".to_owned()
            }
            LoadPlanError::None { .. } if plan.max_in_flight == Some(0) => {
                "--max-in-flight 0 lets no call be sent: give at least 1".to_owned()
            }
            LoadPlanError::Endless => {
                "this schedule never ends: give its last piece an end, such as for=60s, or give --calls or --duration"
                    .to_owned()
            }
            LoadPlanError::NoCalls if plan.calls == Some(0) => {
                "--calls 0 makes no calls: give at least 1".to_owned()
            }
            LoadPlanError::NoCalls if plan.duration.is_some_and(|time| time.is_zero()) => {
                "--duration 0s makes no calls: give a time above zero, such as 10s".to_owned()
            }
            LoadPlanError::NoCalls if plan.concurrency_schedule.is_some() => {
                "this schedule keeps no calls in flight before the run is over: give it at least 1"
                    .to_owned()
            }
            LoadPlanError::NoCalls => {
                "this schedule makes no calls before the run is over: give it a rate above 0".to_owned()
            }
            why => why.to_string(),
        })
    }

    /// An error about one of the flags.
    pub(super) fn of(flag: &str, why: impl std::fmt::Display) -> Self {
        Self(format!("{flag}: {why}"))
    }
}

impl From<RequestError> for SettingsError {
    fn from(why: RequestError) -> Self {
        Self(why.to_string())
    }
}
