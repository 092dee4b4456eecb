//! One call, as it is recorded.

use std::time::Duration;

use crate::moment::Moment;
use crate::status_code::StatusCode;

/// One call that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRecord {
    /// Its number among the calls of its run.
    pub number: u64,
    /// When the schedule wanted it to start; [`None`] in a closed loop.
    pub due: Option<Moment>,
    /// When its headers were handed to HTTP/2, with a permit for a stream in hand.
    pub sent: Moment,
    /// When the end of its stream, or its reset, was read, or its own deadline came.
    pub done: Moment,
    /// How it ended.
    pub code: StatusCode,
    /// What the server reported about its wait, if it did.
    pub waits: Option<ServerWait>,
    /// Whether the client ended it at its deadline: otherwise it would have taken longer.
    pub is_cut: bool,
    /// What ended it, if it was the transport and not the server's status.
    pub broken: Option<TransportFailure>,
}

impl CallRecord {
    /// A call of a closed loop of which only the server's status is known.
    pub const fn new(sent: Moment, done: Moment, code: StatusCode) -> Self {
        Self { number: 0, due: None, sent, done, code, waits: None, is_cut: false, broken: None }
    }
}

/// The server's report of a call's wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerWait {
    /// How long it was to wait.
    pub planned: Duration,
    /// How long it was in the simulated queue.
    pub queued: Duration,
    /// How long it really waited, including the queue.
    pub waited: Duration,
    /// Whether a planned fault was applied to it: then `added` is unknown.
    pub is_faulty: bool,
}

/// How the transport ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportFailure {
    /// According to a GOAWAY, the server never looked at it.
    GoAway,
    /// Its stream was refused: the server never looked at it.
    RefusedStream,
    /// Its stream was reset with another code.
    Reset,
    /// The connection was reset.
    ConnectionReset,
    /// The connection was closed before the call had ended.
    ConnectionClosed,
    /// The server broke the rules of HTTP/2 or of gRPC.
    Protocol,
    /// The system reported another reason.
    Io,
}

impl TransportFailure {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 7] = [
        Self::GoAway,
        Self::RefusedStream,
        Self::Reset,
        Self::ConnectionReset,
        Self::ConnectionClosed,
        Self::Protocol,
        Self::Io,
    ];

    /// Its name in reports: `goaway`, `refused_stream`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GoAway => "goaway",
            Self::RefusedStream => "refused_stream",
            Self::Reset => "reset",
            Self::ConnectionReset => "connection_reset",
            Self::ConnectionClosed => "connection_closed",
            Self::Protocol => "protocol",
            Self::Io => "io",
        }
    }

    /// Whether the server reports that it never looked at the call: then it would have been safe to retry
    /// (RFC 9113, 8.7).
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::GoAway | Self::RefusedStream)
    }
}
