//! The queue in front of a server's workers.

pub mod theory;
mod virtual_queue;

use std::fmt;
use std::time::Duration;

use longsync_text::grouped;

use crate::fault::{Pushback, write_retry};
use crate::parameter_error::ParameterError;

pub use self::virtual_queue::{
    AlwaysOpen, Entry, Gate, Place, QueuedCall, ServiceStart, StallGate, Ticket, VirtualQueue,
};

/// A limited number of workers, and the calls that may stand in line for them.
///
/// [`Display`](fmt::Display) prints its canonical text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    workers: u32,
    limit: u32,
    order: QueueOrder,
    abandoned: Abandoned,
    retry_info: Option<Duration>,
    pushback: Option<Pushback>,
}

/// Which of the calls that stand is served next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueOrder {
    /// The one that arrived first.
    #[default]
    Fifo,
    /// The one that arrived last.
    Lifo,
}

/// What becomes of a call's work when the call ends early: because it is canceled, or at its deadline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Abandoned {
    /// The call leaves the queue, or frees its worker, at that moment.
    #[default]
    Free,
    /// The work is done anyway, as by a server that does not notice: the call keeps its place in the queue
    /// and then its worker, until its service would have ended.
    Work,
}

impl Queue {
    /// The most workers, and the most calls that may stand: as many calls as a server has in flight at most,
    /// by default.
    pub const MOST: u32 = 1_000_000;

    /// The positions of the parameters, for errors.
    pub(crate) const WORKERS: usize = 0;
    pub(crate) const LIMIT: usize = 1;

    /// A queue with this many workers, in which at most `limit` calls stand, not counting those in service.
    ///
    /// # Errors
    /// When there are no workers, or either number is over [`Queue::MOST`].
    pub fn new(workers: u32, limit: u32) -> Result<Self, ParameterError> {
        if workers == 0 {
            let why = "without a worker no call would ever be served: write at least 1";
            return Err(ParameterError::of(Self::WORKERS, why));
        }
        let too_much = |parameter, what: String| {
            let most = grouped(Self::MOST.into());
            Err(ParameterError::of(parameter, format!("{what}: write at most {most}")))
        };
        if workers > Self::MOST {
            let what = format!("{} workers are too many", grouped(workers.into()));
            return too_much(Self::WORKERS, what);
        }
        if limit > Self::MOST {
            let what = format!("a limit of {} is too high", grouped(limit.into()));
            return too_much(Self::LIMIT, what);
        }
        let (order, abandoned) = (QueueOrder::default(), Abandoned::default());
        Ok(Self { workers, limit, order, abandoned, retry_info: None, pushback: None })
    }

    /// The same queue in this order.
    #[must_use]
    pub fn with_order(self, order: QueueOrder) -> Self {
        Self { order, ..self }
    }

    /// The same queue in which this becomes of the work of calls that end early.
    #[must_use]
    pub fn with_abandoned(self, abandoned: Abandoned) -> Self {
        Self { abandoned, ..self }
    }

    /// The same queue that tells the clients of refused calls whether and when to try again, as a
    /// [`Failure`](crate::Failure) does.
    #[must_use]
    pub fn with_retry(self, retry_info: Option<Duration>, pushback: Option<Pushback>) -> Self {
        Self { retry_info, pushback, ..self }
    }

    /// How many calls are in service at most. At least 1.
    pub fn workers(&self) -> u32 {
        self.workers
    }

    /// How many calls stand at most. With 0, a call that finds all workers busy is refused.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Which call is served next.
    pub fn order(&self) -> QueueOrder {
        self.order
    }

    /// What becomes of the work of calls that end early.
    pub fn abandoned(&self) -> Abandoned {
        self.abandoned
    }

    /// How long the client of a refused call should wait before it tries again (`google.rpc.RetryInfo`).
    pub fn retry_info(&self) -> Option<Duration> {
        self.retry_info
    }

    /// Whether and when the client of a refused call may try again (`grpc-retry-pushback-ms`).
    pub fn pushback(&self) -> Option<Pushback> {
        self.pushback
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "queue(workers={}, limit={}", self.workers, self.limit)?;
        if self.order == QueueOrder::Lifo {
            f.write_str(", order=lifo")?;
        }
        if self.abandoned == Abandoned::Work {
            f.write_str(", abandoned=work")?;
        }
        write_retry(f, self.retry_info, self.pushback)?;
        f.write_str(")")
    }
}
