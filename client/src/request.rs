//! Targets, headers and payloads of requests as people write them.

use std::time::Duration;

use bytes::Bytes;
use longsync_connect::Target;
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
    let wrong = || not_a_header(&format!("{name}:{value}"));
    let name = name.trim().to_ascii_lowercase();
    if name.ends_with("-bin") {
        return Err(format!("{} is a binary header: only text headers can be sent", quoted(&name)));
    }
    if RESERVED.contains(&name.as_str()) {
        return Err(format!("gRPC itself sets `{name}`: choose another header name"));
    }
    let key = AsciiMetadataKey::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
    let value = value.trim().parse().map_err(|_| wrong())?;
    Ok((key, value))
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
