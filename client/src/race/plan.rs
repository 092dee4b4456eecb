//! The plan of a race.

use std::num::NonZeroUsize;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use longsync_connect::Target;
use longsync_server::{Limits, Options};
use longsync_text::TypedDuration;

use crate::race::delays::RaceDelays;
use crate::race::faults::RaceFaults;
use crate::race::way::Way;
use crate::request::ask_in_headers;

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
    pub(super) deadline: Option<TypedDuration>,
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

    /// Where the calls of a way ask for a behavior.
    pub(super) fn behavior_place(&self, way: Way) -> BehaviorPlace {
        match (self.delays.faulty(), &self.target) {
            (Some(_), None) => BehaviorPlace::Server,
            (Some(_), Some(_)) if way == Way::Exchange => BehaviorPlace::Header,
            _ => BehaviorPlace::Message,
        }
    }

    /// The headers of the calls of a way.
    pub(super) fn headers(&self, way: Way) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.delays.faults().is_some_and(RaceFaults::are_of_attempts) {
            // Ways make the same calls, each for the first time. A server counts attempts itself unless it is told.
            headers.insert(longsync::PREVIOUS_ATTEMPTS_HEADER, HeaderValue::from_static("0"));
        }
        if let Some(behavior) = self.delays.faulty()
            && self.behavior_place(way) == BehaviorPlace::Header
        {
            ask_in_headers(&mut headers, behavior);
        }
        headers
    }

    /// The options of a server inside this process: it allows the delays, draws by their seed if they have one,
    /// and polls for the last part of each. If there are faults, they are the server's own: callers may not ask for
    /// all of them.
    pub(super) fn server_options(&self) -> Options {
        let (limits, default) = (Limits::default(), Options::default());
        Options {
            limits: Limits { max_delay: limits.max_delay.max(self.delays.limit()), ..limits },
            seed: self.delays.seed().unwrap_or(default.seed),
            behavior: self.delays.faulty().cloned().unwrap_or(default.behavior),
            spin: self.spin,
            ..Options::default()
        }
    }

    /// How long a call may be without a sign of life.
    pub(super) fn longest_call(&self) -> Duration {
        let late = self.delays.faults().map_or(Duration::ZERO, RaceFaults::longest_after);
        let longest = self.delays.longest().saturating_add(late);
        self.deadline().map_or(longest, |deadline| longest.min(deadline))
    }

    /// The server to call; if [`None`], a server is started inside this process.
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }
}

/// Where a call says how the server is to behave. The list is complete, so the enum is exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BehaviorPlace {
    /// In its message, or in its query.
    Message,
    /// In its headers: later messages of an exchange may not have faults of the call.
    Header,
    /// Nowhere: it is that of the server.
    Server,
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
