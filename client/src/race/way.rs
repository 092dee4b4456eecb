//! The ways in which a race makes its calls.

use std::fmt;

/// A way to make several calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// One after another.
    Sequential,
    /// Each on its own OS thread.
    Threads,
    /// Each as an async task, on one thread.
    Tasks,
    /// All as messages of bidirectional streams.
    Exchange,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sequential => "sequential",
            Self::Threads => "threads",
            Self::Tasks => "tasks",
            Self::Exchange => "exchange",
        })
    }
}
