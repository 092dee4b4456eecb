//! The two kinds of loop.

/// What makes a run send its next call. There is nothing else: exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Loop {
    /// A schedule, whatever the server does: calls are due.
    Open,
    /// The end of a call before it: no call is due, so there is neither lag nor response time.
    Closed,
}
