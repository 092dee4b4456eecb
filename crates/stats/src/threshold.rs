//! The thresholds that a run must reach. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use longsync_text::said::quoted;

use crate::comparison::Comparison;
use crate::figures::Figures;
use crate::metric::{Metric, Value};
use crate::run_loop::Loop;

/// A threshold that a run must reach: `p99<250ms`, `service.mean<=2ms`, `errors<0.1%`, `rate>990/s`.
///
/// | metric | meaning | compared by |
/// |---|---|---|
/// | `p50`, `p99.9`, ... `mean`, `max` | of a time | `<`, `<=` and a duration |
/// | `errors` | failed calls among those that ended | `<`, `<=` and a percentage |
/// | `not_sent` | calls that were not sent among those that were due | `<`, `<=` and a percentage |
/// | `rate` | good answers per second of recorded time | `>`, `>=` and a rate |
///
/// A prefix tells which time a metric is of: `response.`, `service.`, `added.` or `lag.`. Without one, it is
/// the response time, in a closed loop the service time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold(Comparison);

/// Why a text is not a threshold, or why it cannot be decided in a run; and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ThresholdError(String);

const EMPTY: &str =
    "an empty text is not a threshold: write one such as p99<250ms, errors<0.1% or rate>990/s";

/// Whether a run has reached a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThresholdResult {
    /// The threshold.
    pub threshold: Threshold,
    /// Whether the run has reached it.
    pub has_passed: bool,
    /// The measured value.
    pub value: Value,
    /// Whether the value is a percentile with fewer than ten values above it: then it is decided, but says
    /// little.
    pub is_marked: bool,
}

impl Threshold {
    /// Whether runs with this kind of loop measure it.
    ///
    /// # Errors
    /// In a closed loop no call is due at a given time, so there is no `lag`, `response` or `not_sent`.
    pub fn measured_in(&self, kind: Loop) -> Result<(), ThresholdError> {
        let refused = |why| {
            let text = self.to_string();
            Err(ThresholdError(format!("{} cannot be decided: {why}", quoted(&text))))
        };
        self.0.metric.missing_in(kind).map_or(Ok(()), refused)
    }

    /// Whether the figures that were recorded over a time reach it.
    ///
    /// A percentile is taken as the longest time of its bucket. One that falls among calls which are slower
    /// than any value is more than any limit, and so are the mean and the longest if there is one such call.
    /// A threshold whose metric was not measured, for lack of calls or in a loop without that figure, has not
    /// passed.
    pub fn check(&self, kind: Loop, figures: &Figures, recorded: Duration) -> ThresholdResult {
        let (value, is_marked) = self.0.metric.of(kind, figures, recorded);
        ThresholdResult { threshold: *self, has_passed: self.0.holds(value), value, is_marked }
    }

    fn read(text: &str) -> Result<Self, String> {
        let comparison = Comparison::read(text)?;
        if comparison.operator.is_upward() != (comparison.metric == Metric::Rate) {
            let meant = comparison.mirrored();
            return Err(format!("a threshold says what must hold: write {meant}"));
        }
        comparison.says_nothing().map_or(Ok(Self(comparison)), Err)
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    /// Reads one; blanks around its parts are ignored.
    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let refused = |why| ThresholdError(format!("{} is not a threshold: {why}", quoted(text)));
        match text.trim() {
            "" => Err(ThresholdError(EMPTY.to_owned())),
            trimmed => Self::read(trimmed).map_err(refused),
        }
    }
}

impl fmt::Display for Threshold {
    /// As it is read, without blanks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ThresholdResult {
    /// One line: `p99<250ms failed: 251.2ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.has_passed { "passed" } else { "failed" };
        write!(f, "{} {verb}: {}", self.threshold, self.threshold.0.shown(self.value))?;
        if self.is_marked {
            f.write_str(" (fewer than 10 values are above it)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
