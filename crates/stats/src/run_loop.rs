//! The two kinds of loop.

/// What makes a run send its next call. Exhaustive: there is no other kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Loop {
    /// A schedule, whatever the server does: each call has a due time.
    Open,
    /// The end of a previous call: no call has a due time, so there is neither lag nor response time.
    Closed,
}
