//! What a peer answers, read without trust: heads, messages and trailers of gRPC. Pure.
//!
//! `call`, `race` and the load engine all read by it. Whatever the bytes, reading ends in a message
//! or a status, reserves nothing that a peer only promises, and does not panic.

mod ending;
mod messages;
mod page;
mod reader;

pub(crate) use self::ending::sanitised;
pub(crate) use self::messages::PREFIX_BYTES;
pub(crate) use self::page::first_line;
pub(crate) use self::reader::{Expected, Limits, PAGE_BYTES, Reader};

/// How large an answer may be besides what was asked for.
pub(crate) const ANSWER_BYTES: usize = 4 * 1024 * 1024;
