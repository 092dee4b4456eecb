//! From what a caller asks to what the server will do. Pure: no clock, no I/O.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use longsync::duration::from_proto;
use longsync::v1::{
    LongSyncCollectRequest, LongSyncExchangeRequest, LongSyncRequest, LongSyncStreamRequest,
};
use longsync_text::duration::{parse as parse_duration, text};

use crate::behavior::Behavior;
use crate::call::refusal::Refusal;
use crate::config::Limits;

/// A delay as the caller wrote it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AskedDelay<'a> {
    /// In a message.
    Message(&'a prost_types::Duration),
    /// As text.
    Text(&'a str),
}

/// What a caller asks for, whichever way it came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ask<'a> {
    pub(crate) delay: Option<AskedDelay<'a>>,
    pub(crate) behavior: &'a str,
    pub(crate) header: Option<&'a HeaderValue>,
    pub(crate) payload: Option<&'a Bytes>,
    pub(crate) echo_payload: bool,
    pub(crate) response_bytes: u32,
    pub(crate) call_id: &'a str,
}

/// How many bytes the name of a call may have: it is kept while the call waits.
pub(crate) const MAX_CALL_ID_BYTES: usize = 256;

macro_rules! ask_from {
    ($($message:ty),+) => {$(
        impl<'a> From<&'a $message> for Ask<'a> {
            fn from(message: &'a $message) -> Self {
                Self {
                    delay: message.delay.as_ref().map(AskedDelay::Message),
                    behavior: &message.behavior,
                    header: None,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    Empty,
    Echo(Bytes),
    Zeros(u32),
}

impl Payload {
    /// How many bytes of the request this keeps in memory.
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

/// What the server will do: wait this long, then answer with this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) behavior: Behavior,
    pub(crate) payload: Payload,
}

/// Decides what to do with a request: its own `delay` or `behavior`, else the header's, else
/// `default`.
///
/// # Errors
/// When the request says what cannot be, or asks for more than `limits` allow.
pub(crate) fn plan(ask: &Ask<'_>, default: &Behavior, limits: &Limits) -> Result<Plan, Refusal> {
    let (field, behavior) = choose(ask, default)?;
    if behavior.delay() > limits.max_delay {
        return Err(Refusal::invalid(
            field,
            format!(
                "a delay of {} is over this server's limit: ask for at most {}",
                text(behavior.delay()),
                text(limits.max_delay)
            ),
        ));
    }
    if ask.call_id.len() > MAX_CALL_ID_BYTES {
        return Err(Refusal::invalid(
            "call_id",
            format!("{} bytes are too many: send at most {MAX_CALL_ID_BYTES}", ask.call_id.len()),
        ));
    }
    let payload = payload(ask, limits)?;
    Ok(Plan { delay: behavior.delay(), behavior, payload })
}

/// The behavior that applies, and the field that says so.
fn choose(ask: &Ask<'_>, default: &Behavior) -> Result<(&'static str, Behavior), Refusal> {
    let delay = match (ask.delay, ask.behavior) {
        (Some(_), behavior) if !behavior.is_empty() => {
            let why = "delay and behavior are both given: send one of them, a behavior is whole";
            return Err(Refusal::invalid("delay", why));
        }
        (Some(AskedDelay::Message(delay)), _) => from_proto(delay).map_err(|why| why.to_string()),
        (Some(AskedDelay::Text(delay)), _) => parse_duration(delay).map_err(|why| why.to_string()),
        (None, "") => return from_header(ask.header, default),
        (None, behavior) => return Ok(("behavior", parse("behavior", behavior)?)),
    };
    match delay {
        Ok(delay) => Ok(("delay", Behavior::constant(delay))),
        Err(why) => Err(Refusal::invalid("delay", why)),
    }
}

fn from_header(
    header: Option<&HeaderValue>,
    default: &Behavior,
) -> Result<(&'static str, Behavior), Refusal> {
    const FIELD: &str = longsync::BEHAVIOR_HEADER;
    let Some(value) = header else { return Ok(("behavior", default.clone())) };
    let text =
        value.to_str().map_err(|_| Refusal::invalid(FIELD, "send it as plain ASCII text"))?;
    Ok((FIELD, parse(FIELD, text)?))
}

fn parse(field: &str, text: &str) -> Result<Behavior, Refusal> {
    text.parse().map_err(|why: crate::NotABehavior| Refusal::invalid(field, why.to_string()))
}

fn payload(ask: &Ask<'_>, limits: &Limits) -> Result<Payload, Refusal> {
    match (ask.echo_payload, ask.response_bytes) {
        (false, 0) => Ok(Payload::Empty),
        // A copy: the payload itself would keep all of the buffer alive that its message came in.
        (true, 0) => Ok(match ask.payload {
            Some(bytes) if !bytes.is_empty() => Payload::Echo(Bytes::copy_from_slice(bytes)),
            _ => Payload::Empty,
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
        (false, bytes) => Ok(Payload::Zeros(bytes)),
    }
}

/// How many answers a `LongSyncStream` gives.
///
/// # Errors
/// When `asked` is over the limit.
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
    use proptest::prelude::*;

    use super::*;

    fn of(ask: &Ask<'_>) -> Result<Plan, Refusal> {
        plan(ask, &Behavior::constant(Duration::from_secs(5)), &Limits::default())
    }

    fn field(refused: Result<Plan, Refusal>) -> String {
        match refused {
            Err(Refusal::Invalid { field, .. }) => field,
            other => panic!("{other:?} is no invalid field"),
        }
    }

    proptest! {
        /// A plan waits exactly what was asked, and never more than the limit.
        #[test]
        fn the_delay_is_what_was_asked_or_refused(seconds in -10_i64..8_000, nanos in 0_i32..1_000_000_000) {
            let delay = prost_types::Duration { seconds, nanos };
            let planned = of(&Ask { delay: Some(AskedDelay::Message(&delay)), ..Ask::default() });
            let allowed = seconds >= 0 && (seconds, nanos) <= (3600, 0);
            prop_assert_eq!(planned.is_ok(), allowed);
            if let Ok(plan) = planned {
                prop_assert_eq!(longsync::duration::to_proto(plan.delay), delay);
            }
        }
    }

    #[test]
    fn the_request_goes_before_the_header_and_the_header_before_the_default() {
        let header = HeaderValue::from_static("2s");
        let mut ask = Ask { header: Some(&header), ..Ask::default() };
        assert_eq!(of(&Ask::default()).unwrap().delay, Duration::from_secs(5));
        assert_eq!(of(&ask).unwrap().delay, Duration::from_secs(2));
        ask.behavior = "constant(1s)";
        assert_eq!(of(&ask).unwrap().delay, Duration::from_secs(1));
    }

    #[test]
    fn the_refused_field_is_the_one_that_is_wrong() {
        let long = HeaderValue::from_static("2h");
        let text = |delay| Ask { delay: Some(AskedDelay::Text(delay)), ..Ask::default() };
        assert_eq!(field(of(&text("250"))), "delay");
        assert_eq!(field(of(&text("61m"))), "delay");
        assert_eq!(field(of(&Ask { behavior: "1s", ..text("1s") })), "delay");
        assert_eq!(field(of(&Ask { behavior: "hang(1%)", ..Ask::default() })), "behavior");
        assert_eq!(
            field(of(&Ask { header: Some(&long), ..Ask::default() })),
            "x-longsync-behavior"
        );
        let both = Ask { echo_payload: true, response_bytes: 1, ..Ask::default() };
        assert_eq!(field(of(&both)), "response_bytes");
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
