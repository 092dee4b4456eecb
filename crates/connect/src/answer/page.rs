//! An answer that is not gRPC: the page of a proxy, or of a server of another kind.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use longsync_text::GrpcCode;
use longsync_text::said::{quoted, quoted_bytes};
use tonic::Status;

use crate::status::code_of;

/// The head of such an answer, and the beginning of its body.
#[derive(Debug)]
pub(super) struct Page {
    http: StatusCode,
    content_type: Option<HeaderValue>,
    body: Vec<u8>,
    most: usize,
}

/// Whether a content type is gRPC's: `application/grpc`, with or without a suffix for the encoding.
pub(super) fn is_grpc(value: &HeaderValue) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let Some((kind, rest)) = value.as_bytes().split_at_checked(GRPC.len()) else { return false };
    kind.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

impl Page {
    /// An answer with this head; at most `most` bytes of its body are kept.
    pub(super) fn new(http: StatusCode, content_type: Option<&HeaderValue>, most: usize) -> Self {
        Self { http, content_type: content_type.cloned(), body: Vec::new(), most }
    }

    pub(super) fn add(&mut self, chunk: &Bytes) {
        let room = self.most - self.body.len();
        self.body.extend_from_slice(&chunk[..room.min(chunk.len())]);
    }

    /// The number of bytes of the body that are kept.
    pub(super) fn kept(&self) -> usize {
        self.body.len()
    }

    /// Whether the rest of the body would be discarded.
    pub(super) fn is_full(&self) -> bool {
        self.body.len() >= self.most
    }

    /// The status that such an answer stands for, by gRPC's http-grpc-status-mapping.md. `has_said_ok`: the
    /// grpc-status of the answer itself is 0, which is not believed.
    pub(super) fn status(&self, has_said_ok: bool) -> Status {
        let code = code_of(GrpcCode::of_http(self.http.as_u16()));
        let content_type = match &self.content_type {
            Some(value) => format!("the content-type {}", quoted_bytes(value.as_bytes())),
            None => "no content-type".to_owned(),
        };
        let number = self.http.as_u16();
        let name = self.http.canonical_reason().map(|name| format!(" {name}")).unwrap_or_default();
        let what = if self.http == StatusCode::OK {
            format!(
                "the answer has {content_type}, but gRPC's is application/grpc (HTTP {number}{name})"
            )
        } else {
            let status =
                if has_said_ok { "although its grpc-status is 0" } else { "without a grpc-status" };
            format!("the answer is HTTP {number}{name} {status}, with {content_type}")
        };
        let line = first_line(&self.body).map(|line| format!(": {}", quoted(&line)));
        Status::new(code, what + &line.unwrap_or_default())
    }
}

/// The first line of a text that is not blank; [`None`] if the bytes are not text. They may be cut short.
pub fn first_line(bytes: &[u8]) -> Option<String> {
    let line =
        bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty())?;
    let text = match str::from_utf8(line) {
        Ok(text) => text,
        // The last character was cut.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&line[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_text = |each: char| !each.is_control() || each == '\t' || each == '\u{1b}';
    (!text.is_empty() && text.chars().all(is_text)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn page(http: u16, content_type: Option<&'static str>, body: &'static [u8]) -> Status {
        let content_type = content_type.map(HeaderValue::from_static);
        let mut page = Page::new(StatusCode::from_u16(http).unwrap(), content_type.as_ref(), 64);
        page.add(&Bytes::from_static(body));
        page.status(false)
    }

    #[test]
    fn an_error_of_a_proxy_has_the_code_of_grpcs_mapping() {
        for (http, code) in [
            (400, Code::Internal),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (429, Code::Unavailable),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
            (500, Code::Unknown),
            (301, Code::Unknown),
            (999, Code::Unknown),
            (200, Code::Unknown),
        ] {
            assert_eq!(page(http, Some("text/html"), b"<html>").code(), code, "{http}");
        }
    }

    #[test]
    fn its_sentence_names_status_type_and_first_line() {
        assert_eq!(
            page(502, Some("text/html"), b"\r\n <h1>Bad</h1>\r\nmore").message(),
            "the answer is HTTP 502 Bad Gateway without a grpc-status, with the content-type \
             `text/html`: `<h1>Bad</h1>`"
        );
        assert_eq!(
            page(200, None, b"\x89PNG\x0d\x0a").message(),
            "the answer has no content-type, but gRPC's is application/grpc (HTTP 200 OK)"
        );
        let long = page(503, Some("text/plain"), &[b'x'; 5_000]);
        assert!(long.message().len() < 300, "{long}");
    }

    #[test]
    fn only_text_has_a_first_line() {
        assert_eq!(first_line(b"caf\xc3").as_deref(), Some("caf"));
        for not_text in [&b""[..], b"\n\n", b"\x1f\x8b\x08", b"caf\xe9 au lait", b"a\0b"] {
            assert_eq!(first_line(not_text), None, "{not_text:?}");
        }
    }

    #[test]
    fn grpcs_content_types_are_recognized() {
        let is = |value: &'static str| is_grpc(&HeaderValue::from_static(value));
        for grpc in ["application/grpc", "Application/gRPC+proto", "application/grpc;x=y"] {
            assert!(is(grpc), "{grpc}");
        }
        for other in ["application/grpc-web+proto", "text/html", "application/grp", ""] {
            assert!(!is(other), "{other}");
        }
    }
}
