//! Why parameters make no law.

/// Parameters that make no law, and what would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct ParameterError {
    /// Which parameter is wrong, from 0 in written order; [`None`]: all of them together.
    parameter: Option<usize>,
    why: String,
}

impl ParameterError {
    /// The parameter at this position is wrong.
    pub(crate) fn of(parameter: usize, why: impl Into<String>) -> Self {
        Self { parameter: Some(parameter), why: why.into() }
    }

    /// The parameters do not go together.
    pub(crate) fn of_all(why: impl Into<String>) -> Self {
        Self { parameter: None, why: why.into() }
    }

    pub(crate) fn parameter(&self) -> Option<usize> {
        self.parameter
    }
}
