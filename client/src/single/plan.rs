//! The plan of one call.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use longsync_behavior::{Behavior, Rules};
use longsync_connect::Target;
use longsync_connect::answer::room_for;
use longsync_connect::request::{RequestError, RequestFields, check_headers};
use longsync_text::TypedDuration;
use longsync_text::duration::LONGEST;
use tonic::metadata::MetadataMap;

use crate::request::{RESERVED, ask_in_headers};

/// The kind of an RPC. gRPC has no others, so the enum is exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RpcKind {
    /// `LongSync`: one request, one answer.
    Unary,
    /// `LongSyncStream`: one request, `count` answers.
    Stream,
    /// `LongSyncCollect`: `count` requests, one answer.
    Collect,
    /// `LongSyncExchange`: `count` requests, one answer per request.
    Exchange,
}

impl RpcKind {
    /// Whether there may be several requests or several answers.
    pub fn takes_count(self) -> bool {
        match self {
            Self::Unary => false,
            Self::Stream | Self::Collect | Self::Exchange => true,
        }
    }

    /// Whether its answers arrive as a stream, which may end later than the last answer.
    pub fn streams_answers(self) -> bool {
        match self {
            Self::Unary | Self::Collect => false,
            Self::Stream | Self::Exchange => true,
        }
    }

    /// The name of an answer's number: the id of its request, or its index among the answers.
    pub fn number_name(self) -> &'static str {
        match self {
            Self::Exchange => "id",
            Self::Unary | Self::Stream | Self::Collect => "index",
        }
    }
}

impl fmt::Display for RpcKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unary => "unary",
            Self::Stream => "stream",
            Self::Collect => "collect",
            Self::Exchange => "exchange",
        })
    }
}

/// A consistent plan of one call. Made by [`SinglePlan::builder`].
#[derive(Debug, Clone)]
pub struct SinglePlan {
    pub(super) kind: RpcKind,
    pub(super) target: Target,
    pub(super) delay: Option<Duration>,
    pub(super) behavior: String,
    pub(super) deadline: Option<TypedDuration>,
    pub(super) count: Option<u32>,
    pub(super) payload: Bytes,
    pub(super) echo_payload: bool,
    pub(super) response_bytes: u32,
    pub(super) call_id: String,
    pub(super) metadata: MetadataMap,
    pub(super) max_answer_bytes: Option<usize>,
    pub(super) most_kept: usize,
}

/// A plan that is not checked yet.
#[derive(Debug, Clone)]
#[must_use = "call `build` to get a plan"]
pub struct SinglePlanBuilder(SinglePlan);

/// Why a call is impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinglePlanError {
    /// A unary call has one request and one answer.
    #[error(
        "a count is for stream, collect and exchange: a unary call has one request and one answer"
    )]
    CountOfUnary,
    /// It has two deadlines.
    #[error("a deadline is sent as grpc-timeout: give one of the two")]
    DeadlineTwice,
    /// gRPC itself sets this header.
    #[error("gRPC itself sets `{name}`: choose another header name")]
    Reserved {
        /// The header's name.
        name: String,
    },
    /// The deadline is longer than clocks and headers can represent.
    #[error("the deadline is longer than 365 days: make it shorter")]
    TooLong,
    /// Every server would refuse the request.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl SinglePlan {
    /// A plan that leaves everything to the server, without a deadline, payload, call id or headers. All
    /// answers are kept.
    pub fn builder(kind: RpcKind, target: Target) -> SinglePlanBuilder {
        SinglePlanBuilder(Self {
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
        })
    }

    /// The number of answers that are asked for.
    pub(super) fn expected_answers(&self) -> u64 {
        if self.kind.streams_answers() { self.count.unwrap_or(1).into() } else { 1 }
    }

    /// The maximum size of an answer in bytes: the requested payload, and room for everything else.
    pub(super) fn answer_bytes(&self) -> usize {
        let room = || room_for(&self.payload, self.echo_payload, self.response_bytes);
        self.max_answer_bytes.unwrap_or_else(room)
    }
}

impl SinglePlanBuilder {
    /// The delay to ask for, instead of leaving it to the server.
    pub fn delay(self, delay: Duration) -> Self {
        Self(SinglePlan { delay: Some(delay), ..self.0 })
    }

    /// The behavior to ask for; empty leaves it to the server.
    pub fn behavior(self, behavior: impl Into<String>) -> Self {
        Self(SinglePlan { behavior: behavior.into(), ..self.0 })
    }

    /// How long the call may take.
    pub fn deadline(self, deadline: impl Into<TypedDuration>) -> Self {
        Self(SinglePlan { deadline: Some(deadline.into()), ..self.0 })
    }

    /// The number of answers in a stream, or of requests in a collect or an exchange, instead of 1.
    pub fn count(self, count: u32) -> Self {
        Self(SinglePlan { count: Some(count), ..self.0 })
    }

    /// The payload of each request.
    pub fn payload(self, payload: impl Into<Bytes>) -> Self {
        Self(SinglePlan { payload: payload.into(), ..self.0 })
    }

    /// Whether answers return the payload.
    pub fn echo_payload(self, echo_payload: bool) -> Self {
        Self(SinglePlan { echo_payload, ..self.0 })
    }

    /// The size in bytes of the payload that answers contain instead.
    pub fn response_bytes(self, response_bytes: u32) -> Self {
        Self(SinglePlan { response_bytes, ..self.0 })
    }

    /// The id of the call.
    pub fn call_id(self, call_id: impl Into<String>) -> Self {
        Self(SinglePlan { call_id: call_id.into(), ..self.0 })
    }

    /// The request's additional headers.
    pub fn metadata(self, metadata: MetadataMap) -> Self {
        Self(SinglePlan { metadata, ..self.0 })
    }

    /// The maximum size of an answer in bytes, instead of 4 MiB plus the requested payload.
    pub fn max_answer_bytes(self, bytes: usize) -> Self {
        Self(SinglePlan { max_answer_bytes: Some(bytes), ..self.0 })
    }

    /// The number of answers that are kept for the report, instead of all.
    pub fn most_kept(self, most_kept: usize) -> Self {
        Self(SinglePlan { most_kept, ..self.0 })
    }

    /// Checks the plan, and returns it.
    ///
    /// # Errors
    /// When the plan contradicts itself, or every server would refuse its requests.
    pub fn build(self) -> Result<SinglePlan, SinglePlanError> {
        let plan = self.0;
        if !plan.kind.takes_count() && plan.count.is_some() {
            return Err(SinglePlanError::CountOfUnary);
        }
        if let Some(name) = RESERVED.into_iter().find(|name| plan.metadata.contains_key(*name)) {
            return Err(SinglePlanError::Reserved { name: name.to_owned() });
        }
        if plan.deadline.is_some() && plan.metadata.contains_key("grpc-timeout") {
            return Err(SinglePlanError::DeadlineTwice);
        }
        if plan.deadline.as_ref().is_some_and(|deadline| deadline.value() > LONGEST) {
            return Err(SinglePlanError::TooLong);
        }
        let asked = RequestFields {
            delay: plan.delay,
            behavior: &plan.behavior,
            echo_payload: plan.echo_payload,
            response_bytes: plan.response_bytes,
        };
        asked.check()?;
        check_headers(&plan.metadata)?;
        Ok(plan.with_faults_of_call())
    }
}

impl SinglePlan {
    /// The same plan with its behavior in the headers, if its later messages may not have it.
    fn with_faults_of_call(self) -> Self {
        let Some(behavior) = self.only_for_first() else { return self };
        let mut headers = self.metadata.into_headers();
        ask_in_headers(&mut headers, &behavior);
        let metadata = MetadataMap::from_headers(headers);
        Self { metadata, behavior: String::new(), ..self }
    }

    /// The behavior, if it has a fault that only the first of several messages may bring.
    fn only_for_first(&self) -> Option<Behavior> {
        if self.count.unwrap_or(1) < 2 || self.behavior.is_empty() {
            return None;
        }
        // A behavior that is none is left to the server, which says why.
        let behavior = Behavior::read(&self.behavior, &Rules::caller(LONGEST)).ok()?;
        let faults: Vec<_> = behavior.faults().clauses().collect();
        let is_only_for_first = match self.kind {
            RpcKind::Unary | RpcKind::Stream => false,
            RpcKind::Collect => !faults.is_empty(),
            // A message of an exchange may not have `at`, and the server says so.
            RpcKind::Exchange => {
                faults.iter().any(|fault| fault.is_of_call())
                    && faults.iter().all(|fault| fault.at() == 0)
            }
        };
        is_only_for_first.then_some(behavior)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn plan(kind: RpcKind) -> SinglePlanBuilder {
        SinglePlan::builder(kind, "http://127.0.0.1:9000".parse().unwrap())
    }

    fn refused(builder: SinglePlanBuilder) -> SinglePlanError {
        builder.build().unwrap_err()
    }

    fn headers(name: &'static str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert(name, "1S".parse().unwrap());
        metadata
    }

    #[test]
    fn a_unary_call_has_no_count() {
        assert_eq!(refused(plan(RpcKind::Unary).count(1)), SinglePlanError::CountOfUnary);
        for kind in [RpcKind::Stream, RpcKind::Collect, RpcKind::Exchange] {
            assert!(plan(kind).count(0).build().is_ok());
        }
    }

    #[test]
    fn faults_that_later_messages_may_not_have_are_asked_for_in_the_headers() {
        let of = |kind, count, behavior: &str| {
            let own = MetadataMap::from_headers(
                [(longsync::BEHAVIOR_HEADER, "7s")]
                    .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                    .into_iter()
                    .collect(),
            );
            let plan = plan(kind).count(count).behavior(behavior).metadata(own).build().unwrap();
            let header = plan.metadata.get(longsync::BEHAVIOR_HEADER).unwrap();
            (plan.behavior, header.to_str().unwrap().to_owned())
        };
        let (collect, exchange) = (RpcKind::Collect, RpcKind::Exchange);
        for (kind, count, behavior) in [
            (collect, 2, "5ms; slow(100%, 10KiB/s)"),
            (collect, 2, "fail(1%, ABORTED)"),
            (exchange, 2, "5ms; late_trailers(100%, 1s)"),
            (exchange, 3, "fail(1%, ABORTED); reset(1%)"),
        ] {
            let sent = (String::new(), behavior.to_owned());
            assert_eq!(of(kind, count, behavior), sent, "{kind} {behavior}");
        }
        for (kind, count, behavior) in [
            (collect, 1, "reset(1%)"),
            (collect, 2, "exponential(1s)"),
            (collect, 2, "drop(1%)"),
            (exchange, 1, "reset(1%)"),
            (exchange, 2, "5ms; fail(1%, ABORTED); hang(1%)"),
            (exchange, 2, "reset(1%, at=1)"),
            (exchange, 2, "reset(1"),
            (RpcKind::Stream, 2, "reset(1%)"),
        ] {
            let sent = (behavior.to_owned(), "7s".to_owned());
            assert_eq!(of(kind, count, behavior), sent, "{kind} {behavior}");
        }
    }

    #[test]
    fn headers_that_grpc_sets_are_refused() {
        for name in RESERVED {
            let refused = refused(plan(RpcKind::Unary).metadata(headers(name)));
            assert_eq!(refused, SinglePlanError::Reserved { name: name.to_owned() });
        }
        let timeout = plan(RpcKind::Unary).metadata(headers("grpc-timeout"));
        assert!(timeout.clone().build().is_ok());
        assert_eq!(refused(timeout.deadline(SECOND)), SinglePlanError::DeadlineTwice);
        assert_eq!(refused(plan(RpcKind::Unary).deadline(Duration::MAX)), SinglePlanError::TooLong);
    }

    #[test]
    fn requests_that_every_server_refuses_are_refused_here() {
        for (builder, why) in [
            (plan(RpcKind::Stream).delay(SECOND).behavior("1s"), RequestError::DelayAndBehavior),
            (
                plan(RpcKind::Unary).echo_payload(true).response_bytes(1),
                RequestError::EchoAndResponseBytes,
            ),
            (plan(RpcKind::Unary).delay(Duration::MAX), RequestError::Delay),
            (
                plan(RpcKind::Unary).metadata(headers("upgrade")),
                RequestError::OfConnection { name: "upgrade" },
            ),
        ] {
            assert_eq!(refused(builder), SinglePlanError::Request(why));
        }
    }
}
