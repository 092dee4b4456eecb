//! What a peer answers, read without trust: heads, messages and trailers of gRPC. Pure.
//!
//! `call`, `race` and the load engine all read answers with it. Whatever the bytes, reading ends in a
//! message or a status, reserves nothing that a peer only promises, and does not panic.

mod ending;
mod messages;
mod page;
mod reader;

pub(crate) use self::ending::sanitised;
pub use self::page::first_line;
pub use self::reader::{AnswerLimits, ExpectedMessages, PAGE_BYTES, Reader};

/// How large an answer may be besides what was asked for.
pub const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// How many bytes of message an answer may have: what was asked for (the payload of the request, if that
/// is to be echoed, or `response_bytes`), plus [`ANSWER_BYTES`].
pub fn room_for(payload: &[u8], echo_payload: bool, response_bytes: u32) -> usize {
    let echoed = if echo_payload { payload.len() } else { 0 };
    let asked = usize::try_from(response_bytes).unwrap_or(usize::MAX).max(echoed);
    ANSWER_BYTES.saturating_add(asked)
}
