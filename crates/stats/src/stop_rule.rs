//! The rules that end a run early. Pure.

mod watch;

use std::fmt;
use std::str::FromStr;

use longsync_text::said::quoted;

pub use self::watch::{RuleStop, StopRuleWatch};
use crate::comparison::Comparison;
use crate::metric::Metric;
use crate::run_loop::Loop;

/// A condition that ends a run early once it holds over the last ten seconds: `p99>250ms`, `errors>5%`.
///
/// Its metrics are those of a [`Threshold`](crate::Threshold) without `rate`, compared by `>` or `>=`. A time
/// ends a run only if at least 1,000 calls have it, and a share only if at least 100 calls have ended or were
/// due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopRule(Comparison);

/// Why a text is not a stop rule, or why a rule cannot be decided in a run; and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StopRuleError(String);

const EMPTY: &str = "an empty text is not a stop rule: write one such as p99>250ms or errors>5%";

impl StopRule {
    /// Whether runs with this kind of loop measure it.
    ///
    /// # Errors
    /// In a closed loop no call is due at a given time, so there is no `lag`, `response` or `not_sent`.
    pub fn measured_in(&self, kind: Loop) -> Result<(), StopRuleError> {
        let refused = |why| {
            let text = self.to_string();
            Err(StopRuleError(format!("{} cannot be decided: {why}", quoted(&text))))
        };
        self.0.metric.missing_in(kind).map_or(Ok(()), refused)
    }

    fn read(text: &str) -> Result<Self, String> {
        let comparison = Comparison::read(text)?;
        if comparison.metric == Metric::Rate {
            return Err(
                "a rate does not end a run: write a share or a time, such as errors>5%".to_owned()
            );
        }
        if !comparison.operator.is_upward() {
            let meant = comparison.mirrored();
            return Err(format!("a stop rule says what ends a run: write {meant}"));
        }
        comparison.says_nothing().map_or(Ok(Self(comparison)), Err)
    }
}

impl FromStr for StopRule {
    type Err = StopRuleError;

    /// Reads one; blanks around its parts are ignored.
    fn from_str(text: &str) -> Result<Self, StopRuleError> {
        let refused = |why| StopRuleError(format!("{} is not a stop rule: {why}", quoted(text)));
        match text.trim() {
            "" => Err(StopRuleError(EMPTY.to_owned())),
            trimmed => Self::read(trimmed).map_err(refused),
        }
    }
}

impl fmt::Display for StopRule {
    /// As it is read, without blanks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
