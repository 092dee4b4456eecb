//! Why parameters do not make a law.

/// Parameters that do not make a law, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct ParameterError {
    /// Which parameter is wrong, counted from 0 in written order; [`None`] if all of them are, together.
    parameter: Option<usize>,
    why: String,
}

impl ParameterError {
    /// The parameter at this position is wrong.
    pub(crate) fn of(parameter: usize, why: impl Into<String>) -> Self {
        Self { parameter: Some(parameter), why: why.into() }
    }

    /// The parameters do not fit together.
    pub(crate) fn of_all(why: impl Into<String>) -> Self {
        Self { parameter: None, why: why.into() }
    }

    pub(crate) fn parameter(&self) -> Option<usize> {
        self.parameter
    }
}
