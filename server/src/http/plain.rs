//! The responses to requests that are not calls.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use tonic::body::Body;

/// A plain text answer. It must not be stored, since a cache would then answer in the server's place,
/// and a browser must not guess another type.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(body.into())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Many answers quote their request, and must not be taken for a page or a script.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    of_type("text/plain; charset=utf-8", response)
}

/// Whether an answer with this status may have content (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5).
pub(crate) fn has_content(status: StatusCode) -> bool {
    ![StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

/// An answer without content. Like all others, it must not be stored.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Sets the content type of a response.
pub(crate) fn of_type(content_type: &'static str, mut response: Response<Body>) -> Response<Body> {
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// The answer to HEAD, which reports the length that the body would have.
pub(crate) fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(bytes) = http_body::Body::size_hint(response.body()).exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
    }
    response.map(|_| Body::empty())
}
