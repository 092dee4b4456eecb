//! An answer without its payload yet. It takes little memory, and knows how much the complete answer will
//! take.

use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use longsync::frame::{PREFIX_BYTES, Prefix};
use prost::{Message, encode_length_delimiter, length_delimiter_len};

use crate::call::Call;
use crate::call::plan::AnswerPayload;
use crate::call::refusal::Refusal;

/// The encoded key of the field `payload`, which has the number 3 in all answers.
const PAYLOAD_KEY: u8 = 3 << 3 | 2;

/// An answer whose payload has not been added yet.
#[derive(Debug)]
pub(crate) struct Draft<M> {
    message: M,
    payload: AnswerPayload,
    /// The encoded length of both together.
    length: usize,
    /// How many bytes of the payload the call holds for this answer alone.
    held_bytes: u64,
}

impl<M: Message> Draft<M> {
    /// A message without its payload, and a payload that is held for this answer alone.
    pub(crate) fn new(message: M, payload: AnswerPayload) -> Self {
        let held_bytes = payload.held_bytes();
        Self { message, payload, length: 0, held_bytes }.measured()
    }

    /// The same, with a payload that further answers share.
    pub(crate) fn with_shared(message: M, payload: AnswerPayload) -> Self {
        Self { message, payload, length: 0, held_bytes: 0 }.measured()
    }

    /// The same draft, which knows its length: that depends on every field, so it is computed only once.
    #[inline]
    fn measured(mut self) -> Self {
        self.length = self.message.encoded_len() + encoded_len(&self.payload);
        self
    }

    /// Waits until the answer has its room in memory.
    pub(crate) fn poll_room(&self, call: &Call, cx: &Context<'_>) -> Poll<Result<(), Refusal>> {
        call.poll_room((PREFIX_BYTES + self.length) as u64, self.held_bytes, cx)
    }

    /// The complete answer, in the form that it has in a gRPC body.
    pub(crate) fn framed(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + self.length);
        Prefix::of_length(self.length).write(&mut bytes);
        let room = "the buffer has room for the message";
        self.message.encode(&mut bytes).expect(room);
        let payload = self.payload.len();
        if payload > 0 {
            bytes.put_u8(PAYLOAD_KEY);
            encode_length_delimiter(payload, &mut bytes).expect(room);
        }
        match &self.payload {
            AnswerPayload::Empty => {}
            AnswerPayload::Echo(echo) => bytes.put_slice(echo),
            AnswerPayload::Zeros(_) => bytes.put_bytes(0, payload),
        }
        bytes.freeze()
    }
}

/// The length of the field that contains the payload.
fn encoded_len(payload: &AnswerPayload) -> usize {
    match payload.len() {
        0 => 0,
        bytes => size_of_val(&PAYLOAD_KEY) + length_delimiter_len(bytes) + bytes,
    }
}

#[cfg(test)]
mod tests {
    use longsync::v1::LongSyncResponse;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The answer takes exactly the memory that was asked for, and contains its payload.
        #[test]
        fn an_answer_has_the_length_that_its_draft_announces(
            bytes in 0_u32..70_000,
            is_echo in any::<bool>(),
            message in ".{0,20}",
        ) {
            let payload = match (bytes, is_echo) {
                (0, _) => AnswerPayload::Empty,
                (_, false) => AnswerPayload::Zeros(bytes),
                (_, true) => AnswerPayload::Echo(vec![7; bytes as usize].into()),
            };
            let answer = LongSyncResponse { message, ..LongSyncResponse::default() };
            let draft = Draft::new(answer.clone(), payload);
            let length = draft.length;
            let framed = draft.framed();
            prop_assert_eq!(framed.len(), PREFIX_BYTES + length);
            prop_assert_eq!(&framed[1..PREFIX_BYTES], &u32::try_from(length).unwrap().to_be_bytes());
            let byte = if is_echo { 7 } else { 0 };
            let expected = LongSyncResponse { payload: vec![byte; bytes as usize].into(), ..answer };
            prop_assert_eq!(LongSyncResponse::decode(&framed[PREFIX_BYTES..]).unwrap(), expected);
        }
    }
}
