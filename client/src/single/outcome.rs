//! The result of one call.

use std::time::Duration;

use bytes::Bytes;
use longsync::v1::{Failure, Timing};
use longsync_stats::TextCounts;
use longsync_text::TypedDuration;
use tonic::{Code, Status};

use crate::single::plan::{RpcKind, SinglePlan};
use longsync_connect::Target;
use longsync_connect::status;
use longsync_connect::timing::plausible;

/// One answer.
#[derive(Debug, Clone, Default)]
pub struct ReceivedAnswer {
    /// Its message.
    pub message: String,
    /// The server's timing.
    pub timing: Option<Timing>,
    /// Its payload, while the answer is shown; empty once it is kept.
    pub payload: Bytes,
    /// The size of its payload.
    pub payload_bytes: usize,
    /// The request that it answers (exchange), or its place among the answers (stream).
    pub number: Option<u64>,
    /// The number of requests that it answers (collect).
    pub count: Option<u64>,
    /// Why its request failed (exchange).
    pub failure: Option<Failure>,
    /// The time from sent to done.
    pub service_time: Duration,
    /// Whether its service time can be compared with the server's wait, which it cannot for the answers of a
    /// stream after the first.
    pub is_comparable: bool,
}

/// The result of one call.
#[derive(Debug)]
pub struct Single {
    /// The kind of RPC.
    pub kind: RpcKind,
    /// The server that was called.
    pub target: Target,
    /// How long it could take, including connecting.
    pub deadline: Option<TypedDuration>,
    /// How long it took to connect; [`None`] if it did not connect.
    pub connect: Option<Duration>,
    /// The time from sent to done of the entire call; [`None`] if it was not sent.
    pub service_time: Option<Duration>,
    /// Its answers, in order of arrival, up to the number that the plan keeps.
    pub answers: Vec<ReceivedAnswer>,
    /// The number of further answers, which were not kept.
    pub more_answers: u64,
    /// The clauses of the planned faults that hit answers, whether or not these were kept.
    pub faults: TextCounts,
    /// The number of answers that were asked for.
    pub expected_answers: u64,
    /// The number of messages that an exchange never answered, as its behavior plans; [`None`] if the call is
    /// not an exchange, or did not end well.
    pub unanswered: Option<u64>,
    /// The clause that left messages unanswered, if any were.
    pub hang: Option<String>,
    /// The reason why the call was refused without being processed, such as `GOAWAY NO_ERROR`, if it was sent
    /// again on another connection.
    pub refusal: Option<String>,
    /// How it ended; [`None`] if the client ended it early.
    pub status: Option<Status>,
}

impl ReceivedAnswer {
    /// `added`: service time - waited, in nanoseconds. Clocks or scheduling may make it negative. [`None`] if a
    /// planned fault hit the call, because what that does is not added.
    pub fn added_ns(&self) -> Option<i64> {
        let timing = self.timing.as_ref()?;
        self.is_comparable.then(|| added_ns(self.service_time, timing))?
    }
}

/// Service time - waited, in nanoseconds; [`None`] if the server did not report that, or if a planned fault hit
/// the call.
pub(super) fn added_ns(service_time: Duration, timing: &Timing) -> Option<i64> {
    let waited = plausible(timing.waited.as_ref()).filter(|_| timing.fault.is_empty())?;
    let signed = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    Some(signed(service_time).saturating_sub(signed(waited)))
}

impl Single {
    /// The outcome of a call that was not made.
    pub fn unmade(plan: &SinglePlan) -> Self {
        Self {
            kind: plan.kind,
            target: plan.target.clone(),
            deadline: plan.deadline.clone(),
            connect: None,
            service_time: None,
            answers: Vec::new(),
            more_answers: 0,
            faults: TextCounts::default(),
            expected_answers: plan.expected_answers(),
            unanswered: None,
            hang: None,
            refusal: None,
            status: None,
        }
    }

    /// The number of answers that arrived.
    pub fn received_answers(&self) -> u64 {
        self.more_answers.saturating_add(self.answers.len() as u64)
    }

    /// The server's timing of a call that failed.
    pub fn failure_timing(&self) -> Option<Timing> {
        self.status.as_ref().and_then(status::timing)
    }

    /// The code with which it ended; [`None`] if the client ended it early.
    pub fn code(&self) -> Option<Code> {
        self.status.as_ref().map(Status::code)
    }
}
