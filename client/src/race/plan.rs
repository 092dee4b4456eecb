//! The plan of a race.

use std::num::NonZeroUsize;
use std::time::Duration;

use longsync_connect::Target;
use longsync_text::TypedDuration;

use crate::race::delays::RaceDelays;
use crate::race::way::Way;

/// A consistent plan of a race. Made by [`RacePlan::builder`].
#[derive(Debug, Clone)]
pub struct RacePlan {
    pub(super) calls: NonZeroUsize,
    pub(super) delays: RaceDelays,
    pub(super) ways: Vec<Way>,
    pub(super) target: Option<Target>,
    pub(super) protocol: Protocol,
    pub(super) sequential_max: TypedDuration,
    pub(super) thread_connections: ThreadConnections,
    pub(super) cancel_after: Option<TypedDuration>,
    pub(super) spin: Duration,
    pub(super) max_answer_bytes: Option<usize>,
}

impl RacePlan {
    /// The most calls that a way may make.
    pub const MOST_CALLS: usize = 1_000_000;

    /// The number of calls that each way makes.
    pub fn calls(&self) -> NonZeroUsize {
        self.calls
    }

    /// The delays that the calls ask the server for.
    pub fn delays(&self) -> &RaceDelays {
        &self.delays
    }

    /// The ways, in the order in which they run.
    pub fn ways(&self) -> &[Way] {
        &self.ways
    }

    /// The server to call; if [`None`], a server is started inside this process.
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }
}

/// The protocol of a race's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC, with as many calls per connection as the server allows.
    Grpc,
    /// `GET /long_sync` over HTTP/1.1, one connection per call.
    Http,
}

/// Whether the threads of a race share connections. The list is complete, so the enum is exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadConnections {
    /// All threads share one, so that threads and tasks differ in nothing else.
    Shared,
    /// Each thread has its own.
    Own,
}
