//! What is read of an answer: the server's account of the wait, and the status.

use longsync::v1::Timing;
use prost::Message as _;
use tonic::{Code, Status};

use super::recorder::Waits;
use crate::status::{from_h2, is_unseen, timing};
use crate::timing::plausible;

/// How a call ended, and what the server saw of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) code: Code,
    pub(super) waits: Option<Waits>,
    /// Whether the server says that it never looked at it.
    pub(super) is_refused: bool,
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
    let queued = match queued {
        Some(queued) => plausible(Some(queued))?,
        None => std::time::Duration::ZERO,
    };
    Some(Waits { planned: plausible(planned)?, queued, waited: plausible(waited)? })
}

impl Ending {
    /// For a call that was answered with this message, and ended well.
    pub(super) fn answered(message: &[u8]) -> Self {
        match TimedAnswer::decode(message) {
            Ok(answer) => Self {
                code: Code::Ok,
                waits: answer.timing.and_then(TimedWait::waits),
                is_refused: false,
            },
            Err(_) => Self::of(Code::Internal),
        }
    }

    /// For a call that failed.
    pub(super) fn failed(status: &Status) -> Self {
        let of_timing = |timing: Timing| {
            waits(timing.planned.as_ref(), timing.queued.as_ref(), timing.waited.as_ref())
        };
        Self { waits: timing(status).and_then(of_timing), ..Self::of(status.code()) }
    }

    /// For a call that HTTP/2 ended, or its connection, before the head of an answer.
    pub(super) fn of_h2(error: &h2::Error) -> Self {
        Self { is_refused: is_unseen(error), ..Self::of(from_h2(error).code()) }
    }

    /// For a call that HTTP/2 ended, or its connection, when its answer had begun.
    pub(super) fn broken(error: &h2::Error) -> Self {
        Self::of(from_h2(error).code())
    }

    /// For a call whose connection ended without a word.
    pub(super) fn abandoned() -> Self {
        Self::of(Code::Unavailable)
    }

    /// For a call that this side ended at its deadline.
    pub(super) fn deadline() -> Self {
        Self::of(Code::DeadlineExceeded)
    }

    fn of(code: Code) -> Self {
        Self { code, waits: None, is_refused: false }
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

    #[test]
    fn the_waits_are_those_of_the_contract() {
        let ending = Ending::answered(&answer().encode_to_vec());
        let waits = Waits {
            planned: Duration::from_millis(10),
            queued: Duration::from_millis(2),
            waited: Duration::from_micros(12_345),
        };
        assert_eq!(ending, Ending { waits: Some(waits), ..Ending::of(Code::Ok) });
    }

    #[test]
    fn waits_that_cannot_be_are_none() {
        for absurd in [(i64::MAX, 999_999_999), (-5, 0), (1, i32::MAX)] {
            let mut answer = answer();
            let timing = answer.timing.as_mut().unwrap();
            timing.queued = Some(prost_types::Duration { seconds: absurd.0, nanos: absurd.1 });
            assert_eq!(Ending::answered(&answer.encode_to_vec()), Ending::of(Code::Ok));
        }
    }

    #[test]
    fn an_answer_without_a_timing_is_an_answer() {
        assert_eq!(Ending::answered(&[]), Ending::of(Code::Ok));
    }

    #[test]
    fn what_is_no_message_is_internal() {
        assert_eq!(Ending::answered(&[0xff; 9]).code, Code::Internal);
    }

    #[test]
    fn a_failure_has_its_own_code() {
        assert_eq!(Ending::failed(&Status::aborted("so")).code, Code::Aborted);
    }
}
