//! What is read of an answer: the server's account of the wait, and the status.

use http::{HeaderMap, Response};
use longsync::duration::from_proto;
use longsync::v1::Timing;
use prost::Message as _;
use tonic::{Code, Status};

use super::recorder::Waits;
use super::request::PREFIX_BYTES;
use crate::status::{from_h2, timing};

/// How a call ended, and what the server saw of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) code: Code,
    pub(super) waits: Option<Waits>,
}

/// `LongSyncResponse` without the fields of which nothing is recorded, so that they are skipped and
/// not copied.
#[derive(Clone, PartialEq, prost::Message)]
struct TimedAnswer {
    #[prost(message, optional, tag = "2")]
    timing: Option<TimedWait>,
}

/// `Timing`, likewise.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct TimedWait {
    #[prost(message, optional, tag = "2")]
    planned: Option<prost_types::Duration>,
    #[prost(message, optional, tag = "3")]
    waited: Option<prost_types::Duration>,
    #[prost(message, optional, tag = "4")]
    queued: Option<prost_types::Duration>,
}

impl TimedWait {
    fn waits(self) -> Option<Waits> {
        waits(self.planned.as_ref(), self.queued.as_ref(), self.waited.as_ref())
    }
}

fn waits(
    planned: Option<&prost_types::Duration>,
    queued: Option<&prost_types::Duration>,
    waited: Option<&prost_types::Duration>,
) -> Option<Waits> {
    let queued = queued.map_or(Ok(std::time::Duration::ZERO), from_proto);
    Some(Waits {
        planned: from_proto(planned?).ok()?,
        queued: queued.ok()?,
        waited: from_proto(waited?).ok()?,
    })
}

impl Ending {
    /// Of a call whose head and trailers, or whose only headers, came, with `data` between them.
    pub(super) fn of(trailers: &HeaderMap, data: &[u8]) -> Self {
        // `Status` would copy its message and details, of which a call that was answered has none.
        if trailers.get("grpc-status").is_some_and(|status| status == "0") {
            return answered(data);
        }
        match Status::from_header_map(trailers) {
            Some(status) => Self::failed(&status),
            None => Self::without_status(),
        }
    }

    /// Of a call that HTTP/2 ended, or its connection.
    pub(super) fn of_h2(error: &h2::Error) -> Self {
        Self { code: from_h2(error).code(), waits: None }
    }

    /// Of a call whose connection ended without a word.
    pub(super) fn abandoned() -> Self {
        Self { code: Code::Unavailable, waits: None }
    }

    /// Of a call that ended well for HTTP/2 and did not say how for gRPC.
    pub(super) fn without_status() -> Self {
        Self { code: Code::Unknown, waits: None }
    }

    /// Of a call that this side ended at its deadline.
    pub(super) fn deadline() -> Self {
        Self { code: Code::DeadlineExceeded, waits: None }
    }

    /// Of an answer that is none of gRPC, by gRPC's http-grpc-status-mapping.md.
    pub(super) fn of_http(response: &Response<impl Sized>) -> Option<Self> {
        let code = match response.status().as_u16() {
            200 => return None,
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            429 | 502..=504 => Code::Unavailable,
            _ => Code::Unknown,
        };
        Some(Self { code, waits: None })
    }

    fn failed(status: &Status) -> Self {
        let of_timing = |timing: Timing| {
            waits(timing.planned.as_ref(), timing.queued.as_ref(), timing.waited.as_ref())
        };
        Self { code: status.code(), waits: timing(status).and_then(of_timing) }
    }
}

/// An answer with status OK; gRPC's own implementations end one that is no message with INTERNAL.
fn answered(data: &[u8]) -> Ending {
    let internal = Ending { code: Code::Internal, waits: None };
    let Some((prefix, message)) = data.split_at_checked(PREFIX_BYTES) else { return internal };
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
    // Compressed answers were not asked for.
    if prefix[0] != 0 || length as usize != message.len() {
        return internal;
    }
    match TimedAnswer::decode(message) {
        Ok(answer) => Ending { code: Code::Ok, waits: answer.timing.and_then(TimedWait::waits) },
        Err(_) => internal,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use longsync::duration::to_proto;
    use longsync::v1::LongSyncResponse;

    use super::*;

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

    fn framed(message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap();
        [&[0], &length.to_be_bytes()[..], message].concat()
    }

    fn trailers(status: &Status) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).unwrap();
        trailers
    }

    #[test]
    fn the_waits_are_those_of_the_contract() {
        let ending = Ending::of(&trailers(&Status::ok("")), &framed(&answer().encode_to_vec()));
        let waits = Waits {
            planned: Duration::from_millis(10),
            queued: Duration::from_millis(2),
            waited: Duration::from_micros(12_345),
        };
        assert_eq!(ending, Ending { code: Code::Ok, waits: Some(waits) });
    }

    #[test]
    fn an_answer_without_a_timing_is_an_answer() {
        let ending = Ending::of(&trailers(&Status::ok("")), &framed(&[]));
        assert_eq!(ending, Ending { code: Code::Ok, waits: None });
    }

    #[test]
    fn what_is_no_message_is_internal() {
        let ok = trailers(&Status::ok(""));
        let whole = framed(&answer().encode_to_vec());
        let compressed = [&[1], &whole[1..]].concat();
        let longer = [&whole[..], &[0]].concat();
        for data in
            [&[], &whole[..4], &whole[..20], &compressed[..], &longer[..], &framed(&[0xff; 9])]
        {
            assert_eq!(Ending::of(&ok, data).code, Code::Internal, "{data:?}");
        }
    }

    #[test]
    fn a_failure_has_its_own_code() {
        assert_eq!(Ending::of(&trailers(&Status::aborted("so")), &[]).code, Code::Aborted);
        assert_eq!(Ending::of(&HeaderMap::new(), &[]).code, Code::Unknown);
    }
}
