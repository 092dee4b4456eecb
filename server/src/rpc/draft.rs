//! An answer before its payload is in it: it takes little memory, and says how much it will take.

use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use longsync::v1::{
    LongSyncCollectResponse, LongSyncExchangeResponse, LongSyncResponse, LongSyncStreamResponse,
};
use prost::{Message, encode_length_delimiter, length_delimiter_len};

use crate::call::Call;
use crate::framing::PREFIX;
use crate::plan::Payload;
use crate::refusal::Refusal;

/// The key of the field `payload`, which all answers have as 3, as a protobuf has it.
const PAYLOAD_KEY: u8 = 3 << 3 | 2;

/// An answer whose payload is still to be put in.
#[derive(Debug)]
pub(crate) struct Draft<M> {
    message: M,
    payload: Payload,
    /// How many bytes of it the call holds for this answer alone.
    held_bytes: u64,
}

/// An answer of ours.
pub(crate) trait Answer: Message {
    /// Puts the payload in.
    fn set_payload(&mut self, payload: Bytes);
}

macro_rules! answers {
    ($($message:ty),+) => {$(
        impl Answer for $message {
            fn set_payload(&mut self, payload: Bytes) {
                self.payload = payload;
            }
        }
    )+};
}

answers!(
    LongSyncResponse,
    LongSyncStreamResponse,
    LongSyncCollectResponse,
    LongSyncExchangeResponse
);

impl<M: Answer> Draft<M> {
    /// A message without its payload, and a payload that is held for this answer alone.
    pub(crate) fn new(message: M, payload: Payload) -> Self {
        Self { message, held_bytes: payload.held_bytes(), payload }
    }

    /// The same with a payload that further answers have as well.
    pub(crate) fn with_shared(message: M, payload: Payload) -> Self {
        Self { message, payload, held_bytes: 0 }
    }

    /// Waits until the answer has its room in memory.
    pub(crate) fn poll_room(&self, call: &Call, cx: &Context<'_>) -> Poll<Result<(), Refusal>> {
        call.poll_room((PREFIX + self.encoded_len()) as u64, self.held_bytes, cx)
    }

    /// The whole answer.
    pub(crate) fn into_message(self) -> M {
        let Self { mut message, payload, .. } = self;
        message.set_payload(payload.into_bytes());
        message
    }

    /// The whole answer as a gRPC body has it.
    pub(crate) fn into_framed(self) -> Bytes {
        let length = self.encoded_len();
        let mut bytes = BytesMut::with_capacity(PREFIX + length);
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        let room = "there is room for the message";
        self.message.encode(&mut bytes).expect(room);
        let payload = self.payload.len();
        if payload > 0 {
            bytes.put_u8(PAYLOAD_KEY);
            encode_length_delimiter(payload, &mut bytes).expect(room);
        }
        match self.payload {
            Payload::Empty => {}
            Payload::Echo(echo) => bytes.put_slice(&echo),
            Payload::Zeros(_) => bytes.put_bytes(0, payload),
        }
        bytes.freeze()
    }

    fn encoded_len(&self) -> usize {
        let payload = match self.payload.len() {
            0 => 0,
            bytes => size_of_val(&PAYLOAD_KEY) + length_delimiter_len(bytes) + bytes,
        };
        self.message.encoded_len() + payload
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The room that is asked for is what the answer takes, and both ways make the same answer.
        #[test]
        fn an_answer_is_as_long_as_its_draft_says(bytes in 0_u32..70_000, is_echo in any::<bool>(), text in ".{0,20}") {
            let payload = match (bytes, is_echo) {
                (0, _) => Payload::Empty,
                (_, false) => Payload::Zeros(bytes),
                (_, true) => Payload::Echo(vec![7; bytes as usize].into()),
            };
            let message = LongSyncResponse { message: text, ..LongSyncResponse::default() };
            let draft = || Draft::new(message.clone(), payload.clone());
            let (whole, framed) = (draft().into_message(), draft().into_framed());
            prop_assert_eq!(framed.len(), PREFIX + draft().encoded_len());
            prop_assert_eq!(&framed[..PREFIX], &[&[0][..], &u32::try_from(whole.encoded_len()).unwrap().to_be_bytes()].concat());
            prop_assert_eq!(LongSyncResponse::decode(&framed[PREFIX..]).unwrap(), whole);
        }
    }
}
