//! What to call.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tonic::metadata::MetadataMap;

use crate::target::Target;

/// The kind of an RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `LongSync`: one request, one answer.
    Unary,
    /// `LongSyncStream`: one request, `count` answers.
    Stream,
    /// `LongSyncCollect`: `count` requests, one answer.
    Collect,
    /// `LongSyncExchange`: `count` requests, an answer to each.
    Exchange,
}

impl Kind {
    /// Whether there may be several requests or several answers.
    pub fn takes_count(self) -> bool {
        match self {
            Self::Unary => false,
            Self::Stream | Self::Collect | Self::Exchange => true,
        }
    }

    /// Whether its answers come as a stream, which ends by itself after them.
    pub fn streams_answers(self) -> bool {
        match self {
            Self::Unary | Self::Collect => false,
            Self::Stream | Self::Exchange => true,
        }
    }

    /// What the number of an answer is: that of its request, or its place among the answers.
    pub fn number_name(self) -> &'static str {
        match self {
            Self::Exchange => "id",
            Self::Unary | Self::Stream | Self::Collect => "index",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unary => "unary",
            Self::Stream => "stream",
            Self::Collect => "collect",
            Self::Exchange => "exchange",
        })
    }
}

/// What to call, and how.
#[derive(Debug, Clone)]
pub struct SinglePlan {
    /// The kind of RPC.
    pub kind: Kind,
    /// Whom to call.
    pub target: Target,
    /// The delay to ask for; [`None`] leaves it to the server.
    pub delay: Option<Duration>,
    /// The behavior to ask for; empty leaves it to the server.
    pub behavior: String,
    /// How long the call may take.
    pub deadline: Option<Duration>,
    /// How many answers of a stream, how many requests of a collect or an exchange.
    pub count: Option<u32>,
    /// The payload of each request.
    pub payload: Bytes,
    /// Whether answers carry it back.
    pub echo_payload: bool,
    /// How many bytes of payload answers carry instead.
    pub response_bytes: u32,
    /// The name of the call.
    pub call_id: String,
    /// What goes into the request's headers.
    pub metadata: MetadataMap,
    /// How many bytes an answer may have; [`None`]: 4 MiB beside the payload that was asked for.
    pub max_answer_bytes: Option<usize>,
    /// How many answers are kept for the report.
    pub most_kept: usize,
}

impl SinglePlan {
    /// Leaves everything to the server: no deadline, no payload, no call id, no headers. All answers
    /// are kept.
    pub fn new(kind: Kind, target: Target) -> Self {
        Self {
            kind,
            target,
            delay: None,
            behavior: String::new(),
            deadline: None,
            count: None,
            payload: Bytes::new(),
            echo_payload: false,
            response_bytes: 0,
            call_id: String::new(),
            metadata: MetadataMap::new(),
            max_answer_bytes: None,
            most_kept: usize::MAX,
        }
    }
}
