//! The plan in a record, read back.

use longsync_text::said::quoted;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::SCHEMA;
use crate::load::settings::{SettingsError, WrittenPlan};

/// Read first: a record has a schema, a plan on its own does not.
#[derive(Deserialize)]
struct RecordHead {
    schema: Option<String>,
    plan: Option<IgnoredAny>,
}

/// The part of a record that is read; the rest is ignored.
#[derive(Deserialize)]
struct RecordedPlan {
    plan: WrittenPlan,
}

/// The plan in a record (JSON, schema `longsync.load/v1`), or a plan on its own in the same form. Whether it
/// makes sense is checked by [`Settings::read`](crate::load::Settings::read).
///
/// # Errors
/// If the text is not JSON, or neither of the two.
pub fn read_plan(json: &[u8]) -> Result<WrittenPlan, SettingsError> {
    let wrong = |why: serde_json::Error| {
        SettingsError::new(format!("it is neither a record nor the plan from one: {why}"))
    };
    let head: RecordHead = serde_json::from_slice(json).map_err(wrong)?;
    match (head.schema.as_deref(), head.plan) {
        (None, None) if says_nothing(json) => Err(SettingsError::new(
            "it is empty: give a record, which `load --record FILE` writes, or only the plan from one",
        )),
        (None, None) => serde_json::from_slice(json).map_err(wrong),
        (Some(SCHEMA), Some(_)) => {
            serde_json::from_slice(json).map(|RecordedPlan { plan }| plan).map_err(wrong)
        }
        (Some(SCHEMA), None) => Err(SettingsError::new("this record has no plan: give another")),
        (Some(schema), _) => Err(SettingsError::new(format!(
            "its schema is {}: give a record of {SCHEMA}, which `load --record FILE` writes",
            quoted(schema)
        ))),
        (None, Some(_)) => Err(SettingsError::new(format!(
            "it has no schema: give a record of {SCHEMA}, which `load --record FILE` writes, or only the plan from one"
        ))),
    }
}

/// Every key of a plan is optional, but not all at once: an empty object is more likely the wrong file.
fn says_nothing(json: &[u8]) -> bool {
    serde_json::from_slice::<Map<String, Value>>(json).is_ok_and(|all| all.is_empty())
}
