//! Values that were recorded, drawn again.

use std::fmt;
use std::iter;

use longsync_text::string;

use super::{Law, float};
use crate::parameter_error::ParameterError;

/// Each of the recorded values is as likely as any other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replay {
    file: String,
    /// The values in nanoseconds, ascending, each with the count of all values up to it.
    values: Box<[(u64, u64)]>,
}

impl Replay {
    /// From `values` in nanoseconds with the count of each, in any order. `file` is the name from which they
    /// were read, as written.
    pub(crate) fn new(file: &str, mut values: Vec<(u64, u64)>) -> Result<Self, ParameterError> {
        values.retain(|(_, count)| *count > 0);
        values.sort_unstable();
        let mut all = 0_u64;
        for (_, count) in &mut values {
            let Some(sum) = all.checked_add(*count) else {
                return Err(ParameterError::of(0, "the file has more values than can be counted"));
            };
            all = sum;
            *count = sum;
        }
        if values.is_empty() {
            return Err(ParameterError::of(0, "the file has no values: record at least one"));
        }
        // The last of equal values has the count of all values up to it.
        values.reverse();
        values.dedup_by_key(|(value, _)| *value);
        values.reverse();
        Ok(Self { file: file.to_owned(), values: values.into() })
    }

    /// The name of the file from which the values were read, as written.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// The distinct values in nanoseconds, ascending, with the count of each.
    pub(crate) fn values(&self) -> Vec<(u64, u64)> {
        let before = iter::once(0).chain(self.values.iter().map(|(_, up_to)| *up_to));
        self.values
            .iter()
            .zip(before)
            .map(|((value, up_to), before)| (*value, up_to - before))
            .collect()
    }

    /// How many values there are.
    fn count(&self) -> u64 {
        self.values.last().map_or(0, |(_, count)| *count)
    }

    /// The mean of something of each value.
    fn mean_of(&self, of: impl Fn(u64) -> f64) -> f64 {
        let mut before = 0;
        let sum: f64 = self
            .values
            .iter()
            .map(|(value, up_to)| {
                let count = up_to - before;
                before = *up_to;
                of(*value) * float(count)
            })
            .sum();
        sum / float(self.count())
    }

    fn value(&self, index: usize) -> f64 {
        self.values.get(index).map_or(0.0, |(value, _)| float(*value))
    }
}

impl Law for Replay {
    fn at(&self, u: f64) -> f64 {
        let count = self.count();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between 0 and the count"
        )]
        // Rounded, the product may be equal to the count.
        let index = ((u * float(count)) as u64).min(count - 1);
        self.value(self.values.partition_point(|(_, up_to)| *up_to <= index))
    }

    fn share_to(&self, value: f64) -> f64 {
        let after = self.values.partition_point(|(recorded, _)| float(*recorded) <= value);
        let up_to = after.checked_sub(1).map_or(0, |last| self.values[last].1);
        float(up_to) / float(self.count())
    }

    fn mean(&self) -> f64 {
        self.mean_of(float)
    }

    fn second_moment(&self) -> f64 {
        self.mean_of(|value| float(value) * float(value))
    }

    fn ends(&self) -> (f64, f64) {
        (self.value(0), self.value(self.values.len() - 1))
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "replay({})", string::print(&self.file))
    }
}
