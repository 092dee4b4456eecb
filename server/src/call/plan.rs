//! Turns what a caller asks for into what the server will do. Pure: no clock, no I/O.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use longsync::duration::from_proto;
use longsync::v1::{
    LongSyncCollectRequest, LongSyncExchangeRequest, LongSyncRequest, LongSyncStreamRequest,
};
use longsync_behavior::envoy::EnvoyDraw;
use longsync_behavior::rpc_behavior::RPC_BEHAVIOR;
use longsync_behavior::{
    AppliedBehavior, Behavior, BehaviorSource, DecideError, Decision, DrawKey, FaultClause,
    FaultMoment, decide,
};
use longsync_text::duration::parse as parse_duration;

use crate::call::refusal::Refusal;
use crate::call::wait::nanos;
use crate::config::Limits;

/// A delay in the form in which the caller sent it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RequestedDelay<'a> {
    /// In a message.
    Message(&'a prost_types::Duration),
    /// As text.
    Text(&'a str),
}

/// What a caller asks for, whatever the protocol.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ask<'a> {
    pub(crate) delay: Option<RequestedDelay<'a>>,
    pub(crate) behavior: &'a str,
    pub(crate) header: Option<Result<&'a Behavior, &'a str>>,
    pub(crate) rpc_behavior: Option<Result<&'a Behavior, &'a str>>,
    pub(crate) payload: Option<&'a Bytes>,
    pub(crate) echo_payload: bool,
    pub(crate) response_bytes: u32,
    pub(crate) call_id: &'a str,
}

/// The longest name of a call, in bytes. The name is kept while the call waits.
pub(crate) const MAX_CALL_ID_BYTES: usize = 256;

macro_rules! ask_from {
    ($($message:ty),+) => {$(
        impl<'a> From<&'a $message> for Ask<'a> {
            fn from(message: &'a $message) -> Self {
                Self {
                    delay: message.delay.as_ref().map(RequestedDelay::Message),
                    behavior: &message.behavior,
                    header: None,
                    rpc_behavior: None,
                    payload: Some(&message.payload),
                    echo_payload: message.echo_payload,
                    response_bytes: message.response_bytes,
                    call_id: &message.call_id,
                }
            }
        }
    )+};
}

ask_from!(LongSyncRequest, LongSyncStreamRequest, LongSyncCollectRequest, LongSyncExchangeRequest);

/// The payload of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum AnswerPayload {
    #[default]
    Empty,
    Echo(Bytes),
    Zeros(u32),
}

impl AnswerPayload {
    /// How many bytes of the request the payload keeps in memory.
    pub(crate) fn held_bytes(&self) -> u64 {
        match self {
            Self::Echo(bytes) => bytes.len() as u64,
            Self::Empty | Self::Zeros(_) => 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Echo(bytes) => bytes.len(),
            Self::Zeros(count) => *count as usize,
        }
    }
}

/// What the server will do: wait for the planned time, then answer with the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In nanoseconds, because a call keeps its plan while it waits, and each byte counts.
    delay_ns: u64,
    /// The fault that hits the call or message.
    pub(crate) fault: Option<Arc<FaultClause>>,
    pub(crate) applied: AppliedBehavior,
    pub(crate) payload: AnswerPayload,
}

/// The longest text, in bytes, whose behavior takes about as little memory as a waiting call.
const SMALL_TEXT_BYTES: usize = 256;
/// The most memory, in bytes, that a behavior takes per byte of its text.
const BYTES_PER_TEXT_BYTE: u64 = 8;

/// How many bytes of memory are counted for the behavior that a caller gave. Behaviors with short texts are
/// not counted, nor are shared ones: the server's own, and that of the header, for which the call accounts.
pub(crate) fn behavior_bytes(applied: &AppliedBehavior) -> u64 {
    match applied {
        AppliedBehavior::Behavior(behavior) => text_bytes(behavior.text()),
        _ => 0,
    }
}

/// The same for a behavior with this text.
pub(crate) fn text_bytes(text: &str) -> u64 {
    if text.len() <= SMALL_TEXT_BYTES { 0 } else { text.len() as u64 * BYTES_PER_TEXT_BYTE }
}

impl Plan {
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_nanos(self.delay_ns)
    }

    /// Lets the call wait longer.
    pub(crate) fn add_delay(&mut self, delay: Duration) {
        self.delay_ns = self.delay_ns.saturating_add(nanos(delay));
    }

    /// Adds what Envoy's headers do: their delay comes first, and then their error in place of everything else.
    /// Their rate counts if the behavior has no fault.
    pub(crate) fn add_envoy(&mut self, envoy: EnvoyDraw) {
        let EnvoyDraw { delay, abort, throughput } = envoy;
        if abort.is_some() {
            (self.delay_ns, self.fault) = (nanos(delay), abort);
            return;
        }
        self.add_delay(delay);
        self.fault = self.fault.take().or(throughput);
    }

    /// Whether Envoy's headers abort the call.
    pub(crate) fn is_aborted(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.is_abort())
    }

    /// The same plan for a later message of a call whose fault is that of its first message.
    ///
    /// # Errors
    /// If the message's own behavior has a fault.
    pub(crate) fn without_fault(self) -> Result<Self, Refusal> {
        if let AppliedBehavior::Behavior(behavior) = &self.applied
            && let Some(fault) = behavior.faults().clauses().next()
        {
            let why = format!(
                "{fault} is a fault of the call: only its first message may bring one; leave it out"
            );
            return Err(Refusal::invalid("behavior", why));
        }
        Ok(Self { fault: None, ..self })
    }

    /// The plan of one message of an exchange, and the fault of the call that it draws, which only the first
    /// message may bring. The messages' own faults stay in their plans.
    ///
    /// # Errors
    /// If the message's own behavior has a fault that has no place there.
    pub(crate) fn of_message(
        self,
        is_first: bool,
    ) -> Result<(Self, Option<Arc<FaultClause>>), Refusal> {
        if let AppliedBehavior::Behavior(behavior) = &self.applied {
            let wrong = |why: String| Err(Refusal::invalid("behavior", why));
            for fault in behavior.faults().clauses() {
                if fault.at() > 0 {
                    return wrong(format!(
                        "{fault} has at=, which has no place in the behavior of a message: leave it out"
                    ));
                }
                if fault.is_of_call() && !is_first {
                    return wrong(format!(
                        "{fault} is a fault of the call: only its first message may bring one; leave it out"
                    ));
                }
            }
        }
        match self.fault {
            Some(fault) if fault.is_of_call() => Ok((Self { fault: None, ..self }, Some(fault))),
            _ => Ok((self, None)),
        }
    }

    /// The fault, if it takes the place of an answer at this moment.
    pub(crate) fn fault_at(&self, moment: FaultMoment) -> Option<&Arc<FaultClause>> {
        self.fault.as_ref().filter(|fault| fault.ends_call_at(moment))
    }

    /// How many bytes the plan keeps in memory of what its caller sent.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.payload.held_bytes() + behavior_bytes(&self.applied)
    }
}

/// Decides what to do with the request, whose draws have this key.
///
/// # Errors
/// If the request contradicts itself, cannot be understood, or asks for more than `limits` allow.
pub(crate) fn plan(
    ask: &Ask<'_>,
    key: &DrawKey<'_>,
    server: &longsync_behavior::ServerPolicy<'_>,
    limits: &Limits,
) -> Result<Plan, Refusal> {
    // First, because the draws hash the name, and a message may be large.
    check_call_id("call_id", ask.call_id)?;
    let Decision { delay, fault, applied, .. } = decide(&ask.of_behavior(), key, server)?;
    let payload = payload(ask, limits)?;
    Ok(Plan { delay_ns: nanos(delay), fault, applied, payload })
}

/// Checks the name of a call, which was given in `field`.
///
/// # Errors
/// If it is too long.
pub(crate) fn check_call_id(field: &str, call_id: &str) -> Result<(), Refusal> {
    let bytes = call_id.len();
    if bytes <= MAX_CALL_ID_BYTES {
        return Ok(());
    }
    let why = format!("{bytes} bytes are too many: send at most {MAX_CALL_ID_BYTES}");
    Err(Refusal::invalid(field, why))
}

impl<'a> Ask<'a> {
    /// The part of the request that concerns behaviors.
    fn of_behavior(&self) -> longsync_behavior::BehaviorRequest<'a> {
        longsync_behavior::BehaviorRequest {
            delay: self.delay.map(RequestedDelay::read),
            behavior: self.behavior,
            header: self.header,
            rpc_behavior: self.rpc_behavior,
        }
    }
}

impl RequestedDelay<'_> {
    fn read(self) -> Result<Duration, String> {
        match self {
            Self::Message(delay) => from_proto(delay).map_err(|why| why.to_string()),
            Self::Text(delay) => parse_duration(delay).map_err(|why| why.to_string()),
        }
    }
}

impl From<DecideError> for Refusal {
    fn from(refused: DecideError) -> Self {
        let field = match refused.place {
            BehaviorSource::Delay => "delay",
            BehaviorSource::Header => longsync::BEHAVIOR_HEADER,
            BehaviorSource::RpcBehavior => RPC_BEHAVIOR,
            _ => "behavior",
        };
        Self::invalid(field, refused.why)
    }
}

fn payload(ask: &Ask<'_>, limits: &Limits) -> Result<AnswerPayload, Refusal> {
    match (ask.echo_payload, ask.response_bytes) {
        (false, 0) => Ok(AnswerPayload::Empty),
        // A copy, because the payload itself would keep the entire receive buffer of its message alive.
        (true, 0) => Ok(match ask.payload {
            Some(bytes) if !bytes.is_empty() => AnswerPayload::Echo(Bytes::copy_from_slice(bytes)),
            _ => AnswerPayload::Empty,
        }),
        (true, _) => Err(Refusal::invalid(
            "response_bytes",
            "echo_payload and response_bytes are both given: send one of them",
        )),
        (false, bytes) if bytes > limits.max_response_bytes => Err(Refusal::invalid(
            "response_bytes",
            format!(
                "{bytes} is over this server's limit: ask for at most {}",
                limits.max_response_bytes
            ),
        )),
        (false, bytes) => Ok(AnswerPayload::Zeros(bytes)),
    }
}

/// How many answers a `LongSyncStream` sends.
///
/// # Errors
/// If `asked` is over the limit.
pub(crate) fn count(asked: Option<u32>, limits: &Limits) -> Result<u32, Refusal> {
    let count = asked.unwrap_or(1);
    if count > limits.max_count {
        return Err(Refusal::invalid(
            "count",
            format!("{count} is over this server's limit: ask for at most {}", limits.max_count),
        ));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use longsync_behavior::{CallName, ParseBehaviorError};

    use super::*;

    fn of(ask: &Ask<'_>) -> Result<Plan, Refusal> {
        let limits = Limits::default();
        let key = DrawKey { seed: 0, name: CallName::Id(ask.call_id), attempt: 1, index: 0 };
        let server = longsync_behavior::ServerPolicy {
            behavior: &Behavior::constant(Duration::from_secs(5)),
            max_delay: limits.max_delay,
            is_fixed: false,
            read: &|text| text.parse().map_err(|why: ParseBehaviorError| why.to_string()),
        };
        plan(ask, &key, &server, &limits)
    }

    fn field(refused: Result<Plan, Refusal>) -> String {
        match refused {
            Err(Refusal::Invalid { field, .. }) => field,
            other => panic!("{other:?} is not an invalid field"),
        }
    }

    #[test]
    fn a_refusal_names_the_field_that_is_wrong() {
        let text = |delay| Ask { delay: Some(RequestedDelay::Text(delay)), ..Ask::default() };
        assert_eq!(field(of(&text("250"))), "delay");
        assert_eq!(field(of(&text("61m"))), "delay");
        assert_eq!(field(of(&Ask { behavior: "1s", ..text("1s") })), "delay");
        assert_eq!(field(of(&Ask { behavior: "hung(1%)", ..Ask::default() })), "behavior");
        let header = Some(Err("wrong"));
        assert_eq!(field(of(&Ask { header, ..Ask::default() })), "x-longsync-behavior");
        let both = Ask { echo_payload: true, response_bytes: 1, ..Ask::default() };
        assert_eq!(field(of(&both)), "response_bytes");
        let call_id = &*"a".repeat(MAX_CALL_ID_BYTES + 1);
        assert_eq!(field(of(&Ask { call_id, behavior: "hung(1%)", ..Ask::default() })), "call_id");
        let large = Ask { response_bytes: 4 * 1024 * 1024 + 1, ..Ask::default() };
        assert_eq!(field(of(&large)), "response_bytes");
    }

    #[test]
    fn an_unset_count_is_one_and_zero_is_zero() {
        let limits = Limits::default();
        assert_eq!(count(None, &limits), Ok(1));
        assert_eq!(count(Some(0), &limits), Ok(0));
        assert_eq!(count(Some(100_000), &limits), Ok(100_000));
        assert!(count(Some(100_001), &limits).is_err());
    }
}
