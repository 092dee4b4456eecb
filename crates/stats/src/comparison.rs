//! A comparison of a metric with a limit: `p99<250ms`. Pure.

mod operator;

use std::fmt;

pub(crate) use self::operator::Operator;
use crate::limit::MetricLimit;
use crate::metric::{CallTime, Metric, Value};

/// A metric, an operator and a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comparison {
    pub(crate) metric: Metric,
    pub(crate) operator: Operator,
    limit: MetricLimit,
}

impl Comparison {
    /// Reads one; blanks around its parts are ignored. The error does not quote the text.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        const NO_COMPARISON: &str =
            "it has no comparison: write a metric, then <, <=, > or >=, and a limit";
        let Some(at) = text.find(['<', '>', '=']) else {
            return Err(NO_COMPARISON.to_owned());
        };
        let (metric, rest) = text.split_at(at);
        let operator = Operator::ALL.into_iter().find(|it| rest.starts_with(it.text()));
        let Some(operator) = operator else {
            return Err(NO_COMPARISON.to_owned());
        };
        let limit = rest[operator.text().len()..].trim();
        if limit.contains(['<', '>', '=']) {
            return Err("it has more than one comparison: give each separately".to_owned());
        }
        let metric = metric.trim();
        if metric.is_empty() {
            return Err(
                "it has no metric: write what is compared before the comparison, such as p99"
                    .to_owned(),
            );
        }
        if limit.is_empty() {
            return Err("it has no limit: write one after the comparison, such as 250ms".to_owned());
        }
        let metric = Metric::read(metric)?;
        Ok(Self { metric, operator, limit: MetricLimit::read(metric, limit)? })
    }

    /// Why it decides nothing, if it always or never holds, and what to write instead.
    pub(crate) fn says_nothing(self) -> Option<String> {
        let Self { metric, operator, limit } = self;
        // `added` can be below zero.
        let is_least =
            limit.is_least() && !matches!(metric, Metric::Time(Some(CallTime::Added), _));
        let meant = Self { operator: operator.with_limit_flipped(), ..self };
        let how_often = match operator {
            Operator::Less if is_least => "can never hold",
            Operator::AtLeast if is_least => "always holds",
            Operator::AtMost if limit.is_most() => "always holds",
            Operator::More if limit.is_most() => "can never hold",
            _ => return None,
        };
        Some(match limit {
            MetricLimit::Time(_) => format!("it {how_often}: write a limit above 0s"),
            MetricLimit::Share(_) | MetricLimit::Rate(_) => {
                format!("it {how_often}: write {meant}")
            }
        })
    }

    /// Whether it holds for a value; it never holds for one that was not measured.
    pub(crate) fn holds(self, value: Value) -> bool {
        self.limit.compare(value).is_some_and(|order| self.operator.holds(order))
    }

    /// The same from the other side: `p99<1s` for `p99>1s`; if that always or never holds, with the limit
    /// itself on the other side.
    pub(crate) fn mirrored(self) -> Self {
        let mirrored = Self { operator: self.operator.mirrored(), ..self };
        if mirrored.says_nothing().is_none() {
            return mirrored;
        }
        Self { operator: mirrored.operator.with_limit_flipped(), ..self }
    }

    /// A value as it is shown next to the limit: exactly, if rounding would put it on the other side.
    pub(crate) fn shown(self, value: Value) -> String {
        if self.limit.compare(value.rounded()) == self.limit.compare(value) {
            value.to_string()
        } else {
            value.exact()
        }
    }
}

impl fmt::Display for Comparison {
    /// As it is read, without blanks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.metric, self.operator.text(), self.limit)
    }
}
