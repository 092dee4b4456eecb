//! What a peer answers, read without trusting the peer: gRPC heads, messages and trailers. Pure.
//!
//! `call`, `race` and the load engine all read answers with it. Whatever the bytes are, reading ends in a
//! message or a status, reserves no memory merely because a peer announced a length, and does not panic.

mod ending;
mod messages;
mod page;
mod reader;

pub(crate) use self::ending::sanitized;
pub use self::page::first_line;
pub use self::reader::{AnswerLimits, ExpectedMessages, PAGE_BYTES, Reader};

/// The maximum size of an answer, not counting what was asked for.
pub const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The number of bytes that the message of an answer may have: what was asked for (the payload of the request
/// if that is to be echoed, or `response_bytes`), plus [`ANSWER_BYTES`].
pub fn room_for(payload: &[u8], echo_payload: bool, response_bytes: u32) -> usize {
    let echoed = if echo_payload { payload.len() } else { 0 };
    let asked = usize::try_from(response_bytes).unwrap_or(usize::MAX).max(echoed);
    ANSWER_BYTES.saturating_add(asked)
}
