//! What to race.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::race::delays::Delays;
use crate::race::way::Way;
use crate::target::Target;

/// What to race.
#[derive(Debug, Clone)]
pub struct RacePlan {
    /// How many calls each way makes.
    pub calls: NonZeroUsize,
    /// How long the server is asked to wait for each.
    pub delays: Delays,
    /// The ways, in the order in which they run. Over HTTP/1.1 there is no exchange.
    pub ways: Vec<Way>,
    /// Whom to call; [`None`] starts a server inside this process.
    pub target: Option<Target>,
    /// In what the calls are made.
    pub protocol: Protocol,
    /// How long the sequential way may take; what is left then is projected.
    pub sequential_max: Duration,
    /// Whose connections the threads use.
    pub thread_connections: ThreadConnections,
    /// How long after it was sent each call is cancelled, where its way can do that.
    pub cancel_after: Option<Duration>,
    /// For how long before a wait ends its thread polls instead of sleeping: the waits of the server
    /// inside this process, and those for `cancel_after`. More precise, for a core each.
    pub spin: Duration,
    /// How many bytes an answer may have; [`None`]: 4 MiB.
    pub max_answer_bytes: Option<usize>,
}

/// In what the calls of a race are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC, as many calls on a connection as the server allows.
    Grpc,
    /// `GET /long_sync` over HTTP/1.1, a connection a call.
    Http,
}

/// Whose connections the threads of a race use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadConnections {
    /// All threads share one: only thread against task differs.
    Shared,
    /// Each thread has its own.
    Own,
}
