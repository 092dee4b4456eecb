//! Targets, headers and payloads of requests as people give them.

use std::time::Duration;

use bytes::Bytes;
use longsync_connect::Target;
use longsync_text::said::quoted;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};

/// Headers that are gRPC's own, and would be replaced without a word.
pub(crate) const RESERVED: [&str; 5] =
    ["content-type", "te", "grpc-status", "grpc-message", "grpc-message-type"];

/// How many bytes a payload has at most: beyond it lie typing errors, and no server takes them.
const MOST_PAYLOAD_BYTES: u32 = 256 * 1024 * 1024;

/// A request header, if gRPC can send it as text.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn header(name: &str, value: &str) -> Result<(AsciiMetadataKey, AsciiMetadataValue), String> {
    let wrong = || {
        format!(
            "{} is not a header: write name:value, such as x-longsync-behavior:250ms",
            quoted(&format!("{name}:{value}"))
        )
    };
    let name = name.trim().to_ascii_lowercase();
    if name.ends_with("-bin") {
        return Err(format!("{} would carry bytes: only text headers can be sent", quoted(&name)));
    }
    if RESERVED.contains(&name.as_str()) {
        return Err(format!("gRPC itself sets `{name}`: give headers of other names"));
    }
    let key = AsciiMetadataKey::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
    let value = value.trim().parse().map_err(|_| wrong())?;
    Ok((key, value))
}

/// These headers: names and values.
///
/// # Errors
/// What is wrong with the first that gRPC cannot send as text, and what would be right.
pub fn metadata(headers: &[(String, String)]) -> Result<MetadataMap, String> {
    let mut metadata = MetadataMap::new();
    for (name, value) in headers {
        let (name, value) = header(name, value)?;
        metadata.append(name, value);
    }
    Ok(metadata)
}

/// The server that is called unless another is named: port 9000 of this machine.
///
/// # Panics
/// Never: the default address is an address.
pub fn default_target() -> Target {
    format!("http://{}", longsync::DEFAULT_ADDRESS)
        .parse()
        .expect("the default address is an address")
}

/// Whether a call may be given this long. Elsewhere zero often stands for no deadline, and gRPC has it as one that is
/// over.
///
/// # Errors
/// When it is zero: then the sentence that says what would be right.
pub fn check_deadline(deadline: Duration) -> Result<(), String> {
    if deadline.is_zero() {
        let why = "a deadline of zero is over before a call begins: give one such as 250ms, or leave it out for none";
        return Err(why.to_owned());
    }
    Ok(())
}

/// This many bytes, which are zero.
///
/// # Errors
/// When they are over 256 MiB: then the sentence that says so.
pub fn zeros(bytes: u32) -> Result<Bytes, String> {
    match usize::try_from(bytes) {
        Ok(count) if bytes <= MOST_PAYLOAD_BYTES => Ok(vec![0; count].into()),
        _ => Err(format!(
            "{bytes} bytes are too large a payload: write at most {MOST_PAYLOAD_BYTES}"
        )),
    }
}
