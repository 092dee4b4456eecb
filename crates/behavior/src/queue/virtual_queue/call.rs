//! A call, as a queue sees it.

/// A call that arrives in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuedCall {
    /// How long its service takes, in nanoseconds. [`None`] for a call that hangs: it holds its worker until it
    /// ends early, whatever the queue does with abandoned calls.
    pub service: Option<u64>,
    /// The moment at which it ends early, if its service has not ended until then. A service that ends at that
    /// moment has ended in time, but none begins at it. [`None`] also for a call that does not end at its
    /// deadline.
    pub deadline: Option<u64>,
}

/// The number of a call in a queue, in the order of arrival. Calls that are refused have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

impl Ticket {
    /// From 0.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// What becomes of a call that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Entry {
    /// Its service has begun.
    Serving {
        /// Its number.
        ticket: Ticket,
        /// When: the moment of its arrival, or the queue's clock if that was past it.
        since: u64,
    },
    /// It stands until its service begins.
    Standing(Ticket),
    /// It is refused, because the queue is full.
    Shed,
}

/// The service of a call that stood begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStart<T> {
    /// The number of the call.
    pub ticket: Ticket,
    /// When. Its planned end is this plus its service.
    pub since: u64,
    /// What wakes it.
    pub waiting: T,
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It stands.
    Standing,
    /// It is in service.
    Serving {
        /// Since when.
        since: u64,
    },
}
