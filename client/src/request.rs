//! Targets, headers and payloads of requests as people write them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use longsync_behavior::Behavior;
use longsync_connect::Target;
use longsync_connect::request::check_headers;
use longsync_text::said::quoted;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};

/// Headers that belong to gRPC itself, and would be replaced silently.
pub(crate) const RESERVED: [&str; 5] =
    ["content-type", "te", "grpc-status", "grpc-message", "grpc-message-type"];

/// The maximum size of a payload in bytes: larger ones are typing errors, and no server accepts them.
const MOST_PAYLOAD_BYTES: u32 = 256 * 1024 * 1024;

/// A request header, if gRPC can send it as text.
///
/// # Errors
/// The sentence that says what is wrong, and what would be right.
pub fn header(name: &str, value: &str) -> Result<(AsciiMetadataKey, AsciiMetadataValue), String> {
    let written = || format!("{name}:{value}");
    let wrong = || not_a_header(&written());
    if !value.trim().bytes().all(is_sent) {
        return Err(format!(
            "the value of {} is not plain ASCII, and gRPC sends nothing else as text: leave out other \
             characters",
            quoted(&written())
        ));
    }
    let name = name.trim().to_ascii_lowercase();
    if name.ends_with("-bin") {
        return Err(format!("{} is a binary header: only text headers can be sent", quoted(&name)));
    }
    if RESERVED.contains(&name.as_str()) {
        return Err(format!("gRPC itself sets `{name}`: choose another header name"));
    }
    if !name.is_empty() && !name.bytes().all(is_in_a_name) {
        return Err(format!(
            "{} is not a header name of gRPC: write letters, digits, hyphens, underscores and dots",
            quoted(&name)
        ));
    }
    let key = AsciiMetadataKey::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
    let value: AsciiMetadataValue = value.trim().parse().map_err(|_| wrong())?;
    let mut alone = MetadataMap::new();
    alone.insert(key.clone(), value.clone());
    check_headers(&alone).map_err(|why| why.to_string())?;
    Ok((key, value))
}

/// Whether gRPC sends this byte of a text header (gRPC's PROTOCOL-HTTP2.md, ASCII-Value).
fn is_sent(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Whether the name of a gRPC header contains this byte (gRPC's PROTOCOL-HTTP2.md, Header-Name).
fn is_in_a_name(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-' | b'_' | b'.')
}

/// A request header written as `name:value`, if gRPC can send it as text.
///
/// # Errors
/// The sentence that says what is wrong, and what would be right.
pub fn written_header(text: &str) -> Result<(AsciiMetadataKey, AsciiMetadataValue), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| not_a_header(text))?;
    header(name, value)
}

fn not_a_header(text: &str) -> String {
    format!("{} is not a header: write name:value, such as x-longsync-behavior:250ms", quoted(text))
}

/// These headers: names and values.
///
/// # Errors
/// What is wrong with the first one that gRPC cannot send as text, and what would be right.
pub fn metadata(headers: &[(String, String)]) -> Result<MetadataMap, String> {
    let mut metadata = MetadataMap::new();
    for (name, value) in headers {
        let (name, value) = header(name, value)?;
        metadata.append(name, value);
    }
    Ok(metadata)
}

/// Asks for a behavior in the headers of a call rather than in its messages, of which only the first may have
/// faults of the call. Any other value of that header is replaced.
pub(crate) fn ask_in_headers(headers: &mut HeaderMap, behavior: &Behavior) {
    // Its text is printable ASCII, so there is always a value.
    if let Ok(text) = HeaderValue::from_str(behavior.text()) {
        headers.insert(longsync::BEHAVIOR_HEADER, text);
    }
}

/// The server to call if none is given: port 9000 of this machine.
///
/// # Panics
/// Never: the default address is valid.
pub fn default_target() -> Target {
    format!("http://{}", longsync::DEFAULT_ADDRESS)
        .parse()
        .expect("the default address is an address")
}

/// Checks the deadline of a call. Elsewhere zero often means no deadline, but in gRPC a zero deadline has
/// already passed.
///
/// # Errors
/// If it is zero: the sentence that says what would be right.
pub fn check_deadline(deadline: Duration) -> Result<(), String> {
    if deadline.is_zero() {
        let why = "a deadline of zero has passed before the call begins: give a time such as 250ms, or leave it out for no deadline";
        return Err(why.to_owned());
    }
    Ok(())
}

/// A payload of the given number of zero bytes.
///
/// # Errors
/// If there are more than 256 MiB: the sentence that says so.
pub fn zeros(bytes: u32) -> Result<Bytes, String> {
    match usize::try_from(bytes) {
        Ok(count) if bytes <= MOST_PAYLOAD_BYTES => Ok(vec![0; count].into()),
        _ => Err(format!(
            "{bytes} bytes are too many for a payload: give at most {MOST_PAYLOAD_BYTES}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        written_header(text).unwrap_err()
    }

    #[test]
    fn a_header_that_would_contradict_the_request_is_refused() {
        for name in ["content-length", "Content-Length", "host", "HOST"] {
            let said = refused(&format!("{name}:5"));
            assert!(said.ends_with("another one would contradict it: leave it out"), "{said}");
        }
        assert!(refused("Connection:close").contains("HTTP/2 cannot carry it"));
        assert!(refused("te:gzip").contains("gRPC itself sets `te`"));
    }

    #[test]
    fn a_header_that_grpc_cannot_send_as_text_is_refused() {
        for value in ["caf\u{e9}", "a\tb", "\u{1b}[31m", "\u{7f}"] {
            let said = refused(&format!("x-a: {value}"));
            assert!(said.contains("is not plain ASCII"), "{said}");
        }
        for name in ["x a", "x!", "caf\u{e9}", "x/y"] {
            let said = refused(&format!("{name}: 1"));
            assert!(said.contains("is not a header name of gRPC"), "{said}");
        }
        for text in ["", "x-a", ":1", " : 1"] {
            assert!(refused(text).contains("write name:value"), "{text}");
        }
        assert!(refused("x-bin:1").contains("only text headers"));
    }

    #[test]
    fn other_headers_are_sent_as_they_are_written() {
        for (text, name, value) in [
            ("x-longsync-behavior:250ms", "x-longsync-behavior", "250ms"),
            ("X-A: b: c ", "x-a", "b: c"),
            ("a_b.c-1:~ !", "a_b.c-1", "~ !"),
            ("grpc-previous-rpc-attempts:2", "grpc-previous-rpc-attempts", "2"),
            ("empty:", "empty", ""),
        ] {
            let (key, sent) = written_header(text).unwrap();
            assert_eq!((key.as_str(), sent.to_str().unwrap()), (name, value), "{text}");
        }
    }

    proptest! {
        /// No text causes a panic, and each header that is accepted is one that gRPC sends as text.
        #[test]
        fn an_accepted_header_is_one_of_grpc(text in "[ -~]{0,8}:?\\PC{0,8}") {
            if let Ok((key, value)) = written_header(&text) {
                prop_assert!(key.as_str().bytes().all(is_in_a_name));
                prop_assert!(value.as_encoded_bytes().iter().copied().all(is_sent));
            }
        }
    }
}
