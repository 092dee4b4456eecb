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
    /// What the server saw of it, if it has said so.
    pub waits: Option<ServerWait>,
    /// Whether this side ended it, at its deadline: then it would have taken longer.
    pub is_cut: bool,
    /// What ended it, if that was the transport and not the server's status.
    pub broken: Option<TransportFailure>,
}

impl CallRecord {
    /// A call of a closed loop about which the server has said nothing more than its status.
    pub const fn new(sent: Moment, done: Moment, code: StatusCode) -> Self {
        Self { number: 0, due: None, sent, done, code, waits: None, is_cut: false, broken: None }
    }
}

/// What the server says of a call's wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerWait {
    /// How long it was to wait.
    pub planned: Duration,
    /// How long it stood in the simulated queue.
    pub queued: Duration,
    /// How long it did wait, the queue included.
    pub waited: Duration,
    /// Whether a planned fault was applied to it: then nothing is known of what was added.
    pub is_faulty: bool,
}

/// How the transport ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportFailure {
    /// A GOAWAY says that the server never looked at it.
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
    /// The system gave another reason.
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

    /// Whether the server says that it never looked at the call: then it might have been made again
    /// (RFC 9113, 8.7).
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::GoAway | Self::RefusedStream)
    }
}
