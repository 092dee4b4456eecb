//! Calls of `LongSync`: encoded once, copied for each call.

use std::time::Duration;

use bytes::{BufMut as _, Bytes};
use http::uri::PathAndQuery;
use longsync::duration::from_proto;
use longsync::frame::{PREFIX_BYTES, Prefix};
use longsync::v1::{LongSyncRequest, Timing};
use longsync_connect::Code;
use longsync_connect::answer::{AnswerLimits, ExpectedMessages, room_for};
use longsync_connect::request::{RequestError, RequestFields};
use longsync_connect::rpc;
use longsync_connect::status::timing;
use longsync_connect::timing::plausible;
use longsync_stats::ServerWait;
use prost::Message as _;
use tonic::Status;

use crate::method::{CallNumber, Method};

/// The key of `call_id`, field 6, a string, in protobuf's encoding.
const CALL_ID_KEY: u8 = 6 << 3 | 2;

/// The maximum size of a message, including the call id: gRPC writes its length in four bytes.
const MOST_MESSAGE_BYTES: usize = u32::MAX as usize - 1024;

/// Calls of `LongSync`, all with the same request.
#[derive(Debug, Clone)]
pub struct LongSync {
    request: RequestTemplate,
    answer_bytes: usize,
}

#[derive(Debug, Clone)]
enum RequestTemplate {
    /// The same message for each call, with its prefix.
    Same(Bytes),
    /// Each message has a call id of its own: `fields` are all other fields, encoded.
    Numbered { fields: Bytes, id: String },
}

impl LongSync {
    /// Calls with this request.
    ///
    /// # Errors
    /// If every server would refuse it.
    pub fn new(request: &LongSyncRequest) -> Result<Self, RequestError> {
        Self::checked(request)?;
        let form = RequestTemplate::Same(longsync::frame::encoded(request));
        Ok(Self { request: form, answer_bytes: answer_bytes(request) })
    }

    /// Calls with this request, each with a call id of its own: the request's, followed by the call's number
    /// from 0. Calls of the warm-up have numbers of their own, with a `w` between the two parts.
    ///
    /// # Errors
    /// The same as [`new`](Self::new).
    pub fn numbered(request: &LongSyncRequest) -> Result<Self, RequestError> {
        Self::checked(request)?;
        let others = LongSyncRequest { call_id: String::new(), ..request.clone() };
        let (fields, id) = (others.encode_to_vec().into(), request.call_id.clone());
        let form = RequestTemplate::Numbered { fields, id };
        Ok(Self { request: form, answer_bytes: answer_bytes(request) })
    }

    /// Allows answers of this many bytes, instead of 4 MiB plus the payload that is asked for.
    #[must_use]
    pub fn with_max_answer_bytes(self, bytes: usize) -> Self {
        Self { answer_bytes: bytes, ..self }
    }

    fn checked(request: &LongSyncRequest) -> Result<(), RequestError> {
        let delay = request.delay.as_ref().map(from_proto).transpose();
        let asked = RequestFields {
            delay: delay.map_err(|_| RequestError::Delay)?,
            behavior: &request.behavior,
            echo_payload: request.echo_payload,
            response_bytes: request.response_bytes,
        };
        asked.check()?;
        match request.encoded_len() {
            bytes if bytes > MOST_MESSAGE_BYTES => Err(RequestError::TooLarge { bytes }),
            _ => Ok(()),
        }
    }
}

impl Method for LongSync {
    /// The only message of the answer.
    type Answer = Bytes;

    fn apart(&self) -> Self {
        let request = match &self.request {
            RequestTemplate::Same(bytes) => RequestTemplate::Same(Bytes::copy_from_slice(bytes)),
            RequestTemplate::Numbered { fields, id } => {
                RequestTemplate::Numbered { fields: Bytes::copy_from_slice(fields), id: id.clone() }
            }
        };
        Self { request, answer_bytes: self.answer_bytes }
    }

    fn path(&self) -> PathAndQuery {
        rpc::path("LongSync")
    }

    #[inline]
    fn messages(&self, call: CallNumber) -> Bytes {
        match &self.request {
            RequestTemplate::Same(bytes) => bytes.clone(),
            RequestTemplate::Numbered { fields, id } => with_call_id(fields, id, call),
        }
    }

    fn limits(&self) -> AnswerLimits {
        // The sentence about an answer that is not gRPC is not used.
        AnswerLimits {
            message_bytes: self.answer_bytes,
            expected: ExpectedMessages::One,
            page_bytes: 0,
        }
    }

    #[inline]
    fn received(&self, answer: &mut Bytes, message: Bytes) {
        *answer = message;
    }

    #[inline]
    fn answered(&self, answer: &Bytes) -> Result<Option<ServerWait>, Code> {
        match TimedAnswer::decode(&answer[..]) {
            Ok(TimedAnswer { timing: Some(timing) }) if !timing.has_text() => Err(Code::Internal),
            Ok(answer) => Ok(answer.timing.and_then(TimedWait::waits)),
            Err(_) => Err(Code::Internal),
        }
    }

    fn fault(&self, answer: &Bytes) -> Option<String> {
        let timing = TimedAnswer::decode(&answer[..]).ok()?.timing?;
        String::from_utf8(timing.fault).ok().filter(|clause| !clause.is_empty())
    }

    fn server(&self, answer: &Bytes) -> Option<String> {
        let timing = ServedAnswer::decode(answer.clone()).ok()?.timing?;
        Some(timing.server).filter(|server| !server.is_empty())
    }

    fn failed(&self, status: &Status) -> Option<ServerWait> {
        let Timing { planned, waited, queued, fault, .. } = timing(status)?;
        TimedWait { planned, waited, queued, fault: fault.into() }.waits()
    }
}

fn answer_bytes(request: &LongSyncRequest) -> usize {
    room_for(&request.payload, request.echo_payload, request.response_bytes)
}

/// A message with these fields and the call's id, preceded by its prefix. It is written into one allocation
/// of the exact size, the only one that the call needs for its request.
fn with_call_id(
    fields: &[u8],
    prefix: &str,
    CallNumber { number, is_warm_up }: CallNumber,
) -> Bytes {
    let (mark, mut digits) = (if is_warm_up { "w" } else { "" }, [0; MOST_DIGITS]);
    let digits = decimal(number, &mut digits);
    let id_bytes = prefix.len() + mark.len() + digits.len();
    let length = fields.len() + 1 + prost::length_delimiter_len(id_bytes) + id_bytes;
    let mut bytes = Vec::with_capacity(PREFIX_BYTES + length);
    Prefix::of_length(length).write(&mut bytes);
    // Fields may be in any order, so the last one is simply appended.
    bytes.put_slice(fields);
    bytes.put_u8(CALL_ID_KEY);
    prost::encode_length_delimiter(id_bytes, &mut bytes).expect("a Vec grows as needed");
    for part in [prefix.as_bytes(), mark.as_bytes(), digits] {
        bytes.put_slice(part);
    }
    bytes.into()
}

/// The number of digits of the largest number.
const MOST_DIGITS: usize = u64::MAX.ilog10() as usize + 1;

/// The digits of a number, written to the end of `room`.
fn decimal(mut number: u64, room: &mut [u8; MOST_DIGITS]) -> &[u8] {
    let mut start = MOST_DIGITS;
    loop {
        start -= 1;
        room[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &room[start..];
        }
    }
}

/// `LongSyncResponse`, reduced to the name of the server.
#[derive(Clone, PartialEq, prost::Message)]
struct ServedAnswer {
    #[prost(message, optional, tag = "2")]
    timing: Option<ServedBy>,
}

/// `Timing`, reduced likewise.
#[derive(Clone, PartialEq, prost::Message)]
struct ServedBy {
    #[prost(string, tag = "9")]
    server: String,
}

/// `LongSyncResponse` without the fields that are not recorded, so that they are skipped and not copied.
#[derive(Clone, PartialEq, prost::Message)]
struct TimedAnswer {
    #[prost(message, optional, tag = "2")]
    timing: Option<TimedWait>,
}

/// `Timing`, reduced likewise.
#[derive(Clone, PartialEq, prost::Message)]
struct TimedWait {
    #[prost(message, optional, tag = "2")]
    planned: Option<prost_types::Duration>,
    #[prost(message, optional, tag = "3")]
    waited: Option<prost_types::Duration>,
    #[prost(message, optional, tag = "4")]
    queued: Option<prost_types::Duration>,
    #[prost(bytes = "vec", tag = "12")]
    fault: Vec<u8>,
}

impl TimedWait {
    /// Whether its clause is a string of protobuf, which is UTF-8. It is bytes here, so that most answers cost
    /// no check.
    fn has_text(&self) -> bool {
        self.fault.is_empty() || str::from_utf8(&self.fault).is_ok()
    }

    /// The waits that it reports, if they are plausible.
    fn waits(self) -> Option<ServerWait> {
        let queued = match &self.queued {
            Some(queued) => plausible(Some(queued))?,
            None => Duration::ZERO,
        };
        let (planned, waited) =
            (plausible(self.planned.as_ref())?, plausible(self.waited.as_ref())?);
        Some(ServerWait { planned, queued, waited, is_faulty: !self.fault.is_empty() })
    }
}

#[cfg(test)]
mod tests {
    use longsync::duration::to_proto;
    use longsync::v1::LongSyncResponse;
    use proptest::prelude::*;

    use super::*;

    fn request() -> LongSyncRequest {
        LongSyncRequest {
            delay: Some(to_proto(Duration::from_millis(250))),
            payload: Bytes::from_static(b"1234"),
            call_id: "load-".to_owned(),
            ..LongSyncRequest::default()
        }
    }

    fn decoded(body: &[u8]) -> LongSyncRequest {
        let (prefix, message) = body.split_first_chunk::<PREFIX_BYTES>().unwrap();
        assert_eq!(Prefix::read(*prefix), Prefix::of_length(message.len()));
        LongSyncRequest::decode(message).unwrap()
    }

    fn answer() -> LongSyncResponse {
        LongSyncResponse {
            message: "Done!".to_owned(),
            timing: Some(Timing {
                received_at: Some(prost_types::Timestamp { seconds: 1, nanos: 2 }),
                planned: Some(to_proto(Duration::from_millis(10))),
                waited: Some(to_proto(Duration::from_micros(12_345))),
                queued: Some(to_proto(Duration::from_millis(2))),
                behavior: "10ms".to_owned(),
                server: "here".to_owned(),
                worker: 3,
                attempt: 1,
                ..Timing::default()
            }),
            payload: Bytes::from_static(&[7; 300]),
        }
    }

    fn read(answer: &[u8]) -> Result<Option<ServerWait>, Code> {
        LongSync::new(&request()).unwrap().answered(&Bytes::copy_from_slice(answer))
    }

    #[test]
    fn each_call_sends_what_was_asked_for() {
        let calls = LongSync::new(&request()).unwrap();
        assert_eq!(decoded(&calls.messages(CallNumber::recorded(7))), request());
        assert_eq!(decoded(&calls.apart().messages(CallNumber::warm_up(8))), request());
    }

    #[test]
    fn numbered_calls_have_an_id_of_their_own() {
        let calls = LongSync::numbered(&request()).unwrap();
        for number in [0, 7, 10, 99, u64::MAX] {
            for (call, id) in [
                (CallNumber::recorded(number), format!("load-{number}")),
                (CallNumber::warm_up(number), format!("load-w{number}")),
            ] {
                let expected = LongSyncRequest { call_id: id, ..request() };
                assert_eq!(decoded(&calls.messages(call)), expected);
                assert_eq!(decoded(&calls.apart().messages(call)), expected);
            }
        }
    }

    proptest! {
        /// A number is written as the standard library writes it.
        #[test]
        fn digits_are_those_of_the_number(number: u64) {
            let mut room = [0; MOST_DIGITS];
            let expected = number.to_string();
            prop_assert_eq!(decimal(number, &mut room), expected.as_bytes());
        }
    }

    #[test]
    fn the_servers_name_is_the_one_in_its_answer() {
        let calls = LongSync::new(&request()).unwrap();
        let server = |answer: &[u8]| calls.server(&Bytes::copy_from_slice(answer));
        assert_eq!(server(&answer().encode_to_vec()).as_deref(), Some("here"));
        assert_eq!(server(&[]), None);
        assert_eq!(server(&[0xff; 9]), None);
    }

    #[test]
    fn requests_that_every_server_refuses_are_refused_here() {
        let refused = |request| LongSync::new(&request).unwrap_err();
        let both = LongSyncRequest { behavior: "1s".to_owned(), ..request() };
        assert_eq!(refused(both), RequestError::DelayAndBehavior);
        let both = LongSyncRequest { echo_payload: true, response_bytes: 1, ..request() };
        assert_eq!(refused(both), RequestError::EchoAndResponseBytes);
        for (seconds, nanos) in [(-1, 0), (0, -1), (400 * 86_400, 0), (1, i32::MAX)] {
            let delay = Some(prost_types::Duration { seconds, nanos });
            assert_eq!(refused(LongSyncRequest { delay, ..request() }), RequestError::Delay);
        }
    }

    #[test]
    fn the_waits_are_those_of_the_contract() {
        let waits = ServerWait {
            planned: Duration::from_millis(10),
            queued: Duration::from_millis(2),
            waited: Duration::from_micros(12_345),
            is_faulty: false,
        };
        assert_eq!(read(&answer().encode_to_vec()), Ok(Some(waits)));
    }

    #[test]
    fn implausible_waits_are_none() {
        for absurd in [(i64::MAX, 999_999_999), (-5, 0), (1, i32::MAX)] {
            let mut answer = answer();
            let timing = answer.timing.as_mut().unwrap();
            timing.queued = Some(prost_types::Duration { seconds: absurd.0, nanos: absurd.1 });
            assert_eq!(read(&answer.encode_to_vec()), Ok(None));
        }
    }

    /// The answer, with these bytes as the clause of its fault. They have the length of the text.
    fn with_clause(clause: &[u8]) -> Bytes {
        let mut answer = answer();
        answer.timing.as_mut().unwrap().fault = "~".repeat(clause.len());
        let mut bytes = answer.encode_to_vec();
        let at = bytes.windows(clause.len()).position(|it| it.iter().all(|byte| *byte == b'~'));
        bytes[at.unwrap()..][..clause.len()].copy_from_slice(clause);
        bytes.into()
    }

    #[test]
    fn a_clause_that_is_not_utf_8_makes_an_answer_malformed() {
        let calls = LongSync::new(&request()).unwrap();
        let valid = with_clause(b"slow(1%, 1B/s)");
        assert!(calls.answered(&valid).unwrap().unwrap().is_faulty);
        assert_eq!(calls.fault(&valid).as_deref(), Some("slow(1%, 1B/s)"));
        // So does any other decoder read it: strings are UTF-8.
        let invalid = with_clause(b"slow(1%\xff, 1B/s)");
        assert!(LongSyncResponse::decode(invalid.clone()).is_err());
        assert_eq!(calls.answered(&invalid), Err(Code::Internal));
    }

    #[test]
    fn an_answer_without_a_timing_is_an_answer() {
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn an_answer_that_does_not_decode_is_internal() {
        assert_eq!(read(&[0xff; 9]), Err(Code::Internal));
    }
}
