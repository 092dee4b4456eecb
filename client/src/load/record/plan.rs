//! The plan in a record, read back.

use longsync_text::said::quoted;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::SCHEMA;
use crate::load::settings::{SettingsError, WrittenPlan};

/// What is looked at first: a record has a schema, a plan alone has none.
#[derive(Deserialize)]
struct RecordHead {
    schema: Option<String>,
    plan: Option<IgnoredAny>,
}

/// What is read of a record; the rest of it is left out.
#[derive(Deserialize)]
struct RecordedPlan {
    plan: WrittenPlan,
}

/// The plan in a record (JSON, schema `longsync.load/v1`), or one that stands alone as it does there. Whether it makes
/// sense is said by [`Settings::read`](crate::load::Settings::read).
///
/// # Errors
/// When the text is not JSON, or neither of the two.
pub fn read_plan(json: &[u8]) -> Result<WrittenPlan, SettingsError> {
    let wrong = |why: serde_json::Error| {
        SettingsError::new(format!("it is not a record, nor the plan in one: {why}"))
    };
    let head: RecordHead = serde_json::from_slice(json).map_err(wrong)?;
    match (head.schema.as_deref(), head.plan) {
        (None, None) if says_nothing(json) => Err(SettingsError::new(
            "it says nothing: give a record, which `load --record FILE` writes, or the plan in one alone",
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
            "it has no schema: give a record of {SCHEMA}, which `load --record FILE` writes, or the plan in one alone"
        ))),
    }
}

/// A plan may leave everything out but one thing: an empty object is more likely a file that is not what it should be.
fn says_nothing(json: &[u8]) -> bool {
    serde_json::from_slice::<Map<String, Value>>(json).is_ok_and(|all| all.is_empty())
}
