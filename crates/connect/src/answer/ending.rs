//! How a call ended, according to the headers that report it: `grpc-status`, its message and its details.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use longsync_text::grouped;
use longsync_text::said::quoted_bytes;
use percent_encoding::percent_decode;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::pb;

const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";

/// The number of bytes that are read of one head or one set of trailers: names and values. HTTP/2 itself
/// accepts more, and its limit only bounds memory.
const MOST_HEADER_BYTES: usize = 256 * 1024;

/// With or without padding, as PROTOCOL-HTTP2.md allows.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The headers that matter in a head or in trailers.
#[derive(Debug, Default)]
pub(super) struct GrpcHeaders<'headers> {
    pub(super) content_type: Option<&'headers HeaderValue>,
    pub(super) encoding: Option<&'headers HeaderValue>,
    status: Option<&'headers HeaderValue>,
    other_status: Option<&'headers HeaderValue>,
}

impl<'headers> GrpcHeaders<'headers> {
    /// Goes through the headers once: there are few of them, and looking each one up by name costs more.
    ///
    /// # Errors
    /// If they are larger than any honest peer's.
    pub(super) fn among(headers: &'headers HeaderMap) -> Result<Self, Status> {
        let (mut seen, mut bytes) = (Self::default(), 0);
        for (name, value) in headers {
            bytes += name.as_str().len() + value.len();
            // Most names are HTTP's standard ones, which are compared by number.
            if *name == header::CONTENT_TYPE {
                seen.content_type = seen.content_type.or(Some(value));
                continue;
            }
            match name.as_str() {
                "grpc-encoding" => seen.encoding = seen.encoding.or(Some(value)),
                STATUS if seen.status.is_none() => seen.status = Some(value),
                STATUS if seen.status != Some(value) => seen.other_status = Some(value),
                _ => {}
            }
        }
        if bytes <= MOST_HEADER_BYTES {
            return Ok(seen);
        }
        Err(Status::resource_exhausted(format!(
            "the server sent {} bytes of headers, and at most {} are read",
            grouped(bytes as u64),
            grouped(MOST_HEADER_BYTES as u64)
        )))
    }
}

/// How the call ended, if these headers report it; `seen` holds the ones that matter.
pub(super) fn ending(headers: &HeaderMap, seen: &GrpcHeaders<'_>) -> Option<Result<(), Status>> {
    let status = seen.status?.as_bytes();
    if let Some(other) = seen.other_status {
        return Some(Err(Status::unknown(format!(
            "the server sent two values of grpc-status, {} and {}",
            quoted_bytes(status),
            quoted_bytes(other.as_bytes())
        ))));
    }
    // The status of most calls.
    if status == b"0" {
        return Some(Ok(()));
    }
    let Some(code) = code(status) else {
        let said = headers.get(MESSAGE).map(|_| format!(": {}", message(headers)));
        return Some(Err(Status::unknown(format!(
            "the server's grpc-status is {}, which is not one of 0 to 16{}",
            quoted_bytes(status),
            said.unwrap_or_default()
        ))));
    };
    if code == Code::Ok {
        return Some(Ok(()));
    }
    Some(Err(Status::with_details(code, message(headers), details(headers))))
}

/// `grpc-status` is one digit or more: `05` is 5.
fn code(status: &[u8]) -> Option<Code> {
    if status.is_empty() || !status.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = str::from_utf8(status).ok()?.parse::<i32>().ok()?;
    (0..=16).contains(&number).then(|| Code::from_i32(number))
}

/// The message of the status. A percent sign that escapes nothing is kept, and bytes that are not UTF-8 are
/// replaced.
fn message(headers: &HeaderMap) -> String {
    let encoded = headers.get(MESSAGE).map_or(&b""[..], |value| value.as_bytes());
    percent_decode(encoded).decode_utf8_lossy().into_owned()
}

/// The details of the status. A repeated header may arrive joined by commas (PROTOCOL-HTTP2.md): the first
/// part that can be decoded is used. If none can, the status is kept without details.
fn details(headers: &HeaderMap) -> Bytes {
    let values = headers.get_all(DETAILS).iter();
    let mut parts = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let readable = parts.find_map(|part| {
        let details = BASE64.decode(part.trim_ascii()).ok()?;
        let is_readable = !details.is_empty() && pb::Status::decode(details.as_slice()).is_ok();
        is_readable.then_some(details)
    });
    readable.map(Bytes::from).unwrap_or_default()
}

/// The headers, with the ones that report how the call ended rewritten so that tonic, which trusts its peers
/// here, can read them.
pub(crate) fn sanitized(mut headers: HeaderMap) -> HeaderMap {
    let ended = match GrpcHeaders::among(&headers) {
        Ok(seen) => match ending(&headers, &seen) {
            Some(ended) => ended,
            None => return headers,
        },
        Err(status) => Err(status),
    };
    for name in [STATUS, MESSAGE, DETAILS] {
        headers.remove(name);
    }
    let status = ended.err().unwrap_or_else(|| Status::ok(""));
    // Details that cannot be written are left out; the status itself is written first.
    let _ = status.add_header(&mut headers);
    headers
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use proptest::prelude::*;

    use super::*;

    fn headers(fields: &[(&'static str, &[u8])]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
            })
            .collect()
    }

    fn failed(fields: &[(&'static str, &[u8])]) -> Status {
        ended(&headers(fields)).unwrap().unwrap_err()
    }

    fn ended(headers: &HeaderMap) -> Option<Result<(), Status>> {
        ending(headers, &GrpcHeaders::among(headers).unwrap())
    }

    /// Any bytes that HTTP/2 accepts as the value of a header.
    fn value() -> impl Strategy<Value = HeaderValue> {
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| {
            let bytes: Vec<_> = bytes
                .into_iter()
                .filter(|byte| *byte >= 32 && *byte != 127 || *byte == b'\t')
                .collect();
            HeaderValue::from_bytes(&bytes).unwrap()
        })
    }

    proptest! {
        /// Any headers can be read, and after rewriting they are read the same, by tonic as well.
        #[test]
        fn any_headers_are_read_the_same_once_rewritten(
            status in prop_oneof!["[0-9]{1,3}".prop_map(|text| text.parse().unwrap()), value()],
            message in proptest::option::of(value()),
            details in proptest::collection::vec(value(), 0..3),
        ) {
            let mut headers = HeaderMap::new();
            headers.insert(STATUS, status);
            headers.extend(message.map(|message| (MESSAGE.parse::<HeaderName>().unwrap(), message)));
            for detail in details {
                headers.append(DETAILS, detail);
            }
            let told = ended(&headers).unwrap();
            let anew = sanitized(headers);
            let parts = |told: Result<(), Status>| {
                told.err().map(|status| (status.code(), status.message().to_owned(), status.details().to_owned()))
            };
            let by_tonic = Status::from_header_map(&anew).unwrap();
            let by_tonic = if by_tonic.code() == Code::Ok { Ok(()) } else { Err(by_tonic) };
            let (told, again, by_tonic) = (parts(told), parts(ended(&anew).unwrap()), parts(by_tonic));
            prop_assert_eq!(&told, &again);
            prop_assert_eq!(&told, &by_tonic);
        }
    }

    #[test]
    fn a_status_is_digits_from_0_to_16() {
        for ok in [&b"0"[..], b"00"] {
            assert!(ended(&headers(&[(STATUS, ok)])).unwrap().is_ok());
        }
        assert_eq!(failed(&[(STATUS, b"05"), (MESSAGE, b"x")]).code(), Code::NotFound);
        for text in [&b"abc"[..], b"99", b"17", b"-1", b"+5", b"", b"5 ", b"99999999999999999999"] {
            let status = failed(&[(STATUS, text), (MESSAGE, b"why")]);
            assert_eq!(status.code(), Code::Unknown);
            let quote = format!("`{}`", str::from_utf8(text).unwrap());
            assert!(status.message().contains(&quote) && status.message().ends_with(": why"));
        }
        assert!(ended(&HeaderMap::new()).is_none());
    }

    #[test]
    fn two_different_statuses_are_reported() {
        assert!(ended(&headers(&[(STATUS, b"0"), (STATUS, b"0")])).unwrap().is_ok());
        let status = failed(&[(STATUS, b"0"), (STATUS, b"13")]);
        assert_eq!(status.code(), Code::Unknown);
        assert!(status.message().contains("`0` and `13`"), "{status}");
    }

    #[test]
    fn a_message_that_is_not_utf8_keeps_its_code_and_its_text() {
        for (encoded, read) in [
            (&b"caf%C3%A9 %25"[..], "café %"),
            (b"100%25%zz%E2%28%", "100%%zz\u{fffd}(%"),
            (b"too much %C3", "too much \u{fffd}"),
            (b"caf\xe9", "caf\u{fffd}"),
            (b"", ""),
        ] {
            let status = failed(&[(STATUS, b"8"), (MESSAGE, encoded)]);
            assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, read));
        }
    }

    #[test]
    fn the_first_part_of_joined_details_that_decodes_is_used() {
        // Code 5, message `x`.
        let good = b"\x08\x05\x12\x01x";
        for joined in [
            &b"CAUSAXg"[..],
            b"CAUSAXg=",
            b"CAUSAXg,CAUSAXg",
            b"!!!, CAUSAXg",
            b",CAUSAXg",
            b"////,CAUSAXg",
        ] {
            let status = failed(&[(STATUS, b"5"), (DETAILS, joined)]);
            assert_eq!(status.details(), good, "{joined:?}");
        }
        let two = failed(&[(STATUS, b"5"), (DETAILS, b"%"), (DETAILS, b"CAUSAXg")]);
        assert_eq!(two.details(), good);
        for broken in [&b"!!!"[..], b"a b", b"%", b"", b"//8="] {
            let status = failed(&[(STATUS, b"5"), (MESSAGE, b"x"), (DETAILS, broken)]);
            assert_eq!((status.code(), status.message()), (Code::NotFound, "x"));
            assert!(status.details().is_empty(), "{broken:?}");
        }
    }

    #[test]
    fn oversized_headers_are_refused() {
        let many = HeaderValue::from_bytes(&[b'v'; 1_000]).unwrap();
        let headers: HeaderMap = (0..300)
            .map(|index| (format!("x-{index}").parse::<HeaderName>().unwrap(), many.clone()))
            .collect();
        let refused = GrpcHeaders::among(&headers).unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("at most 262,144"), "{refused}");
    }
}
