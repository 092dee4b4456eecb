//! The result of one call.

use std::time::Duration;

use bytes::Bytes;
use longsync::v1::{Failure, Timing};
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
    /// What the server saw.
    pub timing: Option<Timing>,
    /// Its payload, while the answer is shown as it comes; none once it is kept.
    pub payload: Bytes,
    /// How long its payload is.
    pub payload_bytes: usize,
    /// The request that it answers (exchange), or its place among the answers (stream).
    pub number: Option<u64>,
    /// How many requests it answers (collect).
    pub count: Option<u64>,
    /// Why its request failed (exchange).
    pub failure: Option<Failure>,
    /// From sent to done.
    pub service_time: Duration,
    /// Whether its service time may be compared with what the server waited: not so for the
    /// answers of a stream after the first.
    pub is_comparable: bool,
}

/// The result of one call.
#[derive(Debug)]
pub struct Single {
    /// The kind of RPC.
    pub kind: RpcKind,
    /// The server that was called.
    pub target: Target,
    /// How long it could take, connecting included.
    pub deadline: Option<TypedDuration>,
    /// How long it took to connect.
    pub connect: Duration,
    /// From sent to done, of the call as a whole; [`None`] when it was not sent.
    pub service_time: Option<Duration>,
    /// Its answers, as they came: as many of them as the plan has kept.
    pub answers: Vec<ReceivedAnswer>,
    /// How many answers came beyond those.
    pub more_answers: u64,
    /// What refused the call unseen, such as `GOAWAY NO_ERROR`, when it was made again on another
    /// connection.
    pub refusal: Option<String>,
    /// How it ended. [`None`]: it was ended from this side, before that.
    pub status: Option<Status>,
}

impl ReceivedAnswer {
    /// `added`: service time - waited, in nanoseconds; below zero when clocks or scheduling make it so.
    pub fn added_ns(&self) -> Option<i64> {
        let waited = plausible(self.timing.as_ref()?.waited.as_ref())?;
        self.is_comparable.then(|| added_ns(self.service_time, waited))
    }
}

/// Service time - waited, in nanoseconds.
pub(super) fn added_ns(service_time: Duration, waited: Duration) -> i64 {
    let signed = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    signed(service_time).saturating_sub(signed(waited))
}

impl Single {
    /// The outcome of a call that was not made.
    pub fn unmade(plan: &SinglePlan) -> Self {
        Self {
            kind: plan.kind,
            target: plan.target.clone(),
            deadline: plan.deadline.clone(),
            connect: Duration::ZERO,
            service_time: None,
            answers: Vec::new(),
            more_answers: 0,
            refusal: None,
            status: None,
        }
    }

    /// What the server saw of a call that failed.
    pub fn failure_timing(&self) -> Option<Timing> {
        self.status.as_ref().and_then(status::timing)
    }

    /// The code with which it ended; [`None`] when it was ended from this side.
    pub fn code(&self) -> Option<Code> {
        self.status.as_ref().map(Status::code)
    }
}
