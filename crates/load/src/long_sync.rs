//! What each call of a run sends: made once, copied for each.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Uri};
use longsync::v1::LongSyncRequest;
use prost::Message as _;
use tonic::metadata::MetadataMap;

use crate::rpc::{self, framed};
use crate::target::Target;

/// The key of `call_id`, field 6, a string, in protobuf's encoding.
const CALL_ID_KEY: u8 = 6 << 3 | 2;

/// The request of every call of a run.
#[derive(Debug)]
pub(super) struct Template {
    uri: Uri,
    headers: HeaderMap,
    message: Message,
}

#[derive(Debug)]
enum Message {
    /// The same for each, with its prefix.
    Same(Bytes),
    /// With a call id of its own for each: `fields` are all others, encoded.
    Numbered { fields: Bytes, id: String },
}

impl Template {
    /// For `message`, whose call id, where each call has one of its own, is what the ids begin with.
    pub(super) fn new(
        target: &Target,
        mut message: LongSyncRequest,
        has_call_ids: bool,
        metadata: &MetadataMap,
        deadline: Option<Duration>,
    ) -> Self {
        let (head, ()) = rpc::head(target.origin(), "LongSync", metadata, deadline).into_parts();
        let message = if has_call_ids {
            let id = std::mem::take(&mut message.call_id);
            Message::Numbered { fields: message.encode_to_vec().into(), id }
        } else {
            Message::Same(framed(&message.encode_to_vec(), &[]))
        };
        Self { uri: head.uri, headers: head.headers, message }
    }

    /// The head of a call's request.
    pub(super) fn head(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// The body of the request of the call with this number.
    pub(super) fn body(&self, number: u64) -> Bytes {
        match &self.message {
            Message::Same(bytes) => bytes.clone(),
            // Fields may come in any order, so the last one is simply added.
            Message::Numbered { fields, id } => {
                let id = format!("{id}{number}");
                let mut field = BytesMut::with_capacity(id.len() + 11);
                field.put_u8(CALL_ID_KEY);
                prost::encode_length_delimiter(id.len(), &mut field)
                    .expect("a BytesMut grows as needed");
                field.put_slice(id.as_bytes());
                framed(fields, &field)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use longsync::duration::to_proto;

    use super::*;
    use crate::answer::PREFIX_BYTES;

    fn message() -> LongSyncRequest {
        LongSyncRequest {
            delay: Some(to_proto(Duration::from_millis(250))),
            payload: Bytes::from_static(b"1234"),
            call_id: "load-".to_owned(),
            ..LongSyncRequest::default()
        }
    }

    fn template(has_call_ids: bool) -> Template {
        let target = "http://127.0.0.1:9000".parse().unwrap();
        let deadline = Some(Duration::from_secs(1));
        Template::new(&target, message(), has_call_ids, &MetadataMap::new(), deadline)
    }

    fn decoded(body: &[u8]) -> LongSyncRequest {
        assert_eq!(body[0], 0, "it is not compressed");
        let length = u32::from_be_bytes(body[1..PREFIX_BYTES].try_into().unwrap());
        assert_eq!(length as usize, body.len() - PREFIX_BYTES);
        LongSyncRequest::decode(&body[PREFIX_BYTES..]).unwrap()
    }

    #[test]
    fn each_call_sends_what_was_asked_for() {
        assert_eq!(decoded(&template(false).body(7)), message());
    }

    #[test]
    fn each_call_has_an_id_of_its_own_where_asked_for() {
        let template = template(true);
        for number in [0, 7, u64::MAX] {
            let expected = LongSyncRequest { call_id: format!("load-{number}"), ..message() };
            assert_eq!(decoded(&template.body(number)), expected);
        }
    }

    #[test]
    fn the_head_is_what_grpc_asks_for() {
        let head = template(false).head();
        assert_eq!(head.uri(), "http://127.0.0.1:9000/longsync.v1.LongSyncService/LongSync");
        assert_eq!(
            (head.method(), &head.headers()["te"]),
            (&Method::POST, &HeaderValue::from_static("trailers"))
        );
        assert_eq!(head.headers()["content-type"], "application/grpc");
        assert_eq!(head.headers()["grpc-timeout"], "1000000u");
    }
}
