//! Routing: gRPC requests go to their service, all others to the HTTP face.

use std::future::{self, Future};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use longsync::v1::long_sync_service_server::SERVICE_NAME;
use longsync_text::quoted;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::body::answer::AnswerBody;
use crate::body::batches::MessageStream;
use crate::body::intake::{Cardinality, Intake};
use crate::body::messages;
use crate::body::rest::Rest;
use crate::body::room::Room;
use crate::call::Call;
use crate::call::ending::Ending;
use crate::call::fault::ResetByPlan;
use crate::call::header_request::ForeignHeaders;
use crate::call::headers::{CallHeaders, HeaderRules};
use crate::http::face::{self, BoxAnswer};
use crate::http::host;
use crate::http::plain;
use crate::record::ConnectionRecord;
use crate::rpc::services::{self, interop};
use crate::rpc::{self, unary};
use crate::rpc::{BoxMessages, Handler};
use crate::shared::Shared;
use crate::shared::counters::CallKind;
use crate::worker::Worker;

/// The pending response to a request.
pub(crate) struct ResponseFuture {
    call: Option<Arc<Call>>,
    /// Whether the request is a HEAD. Over HTTP/1.1, hyper leaves the body out; over HTTP/2 it does not.
    is_head: bool,
    coming: PendingResponse,
    /// The part of the request that is not needed for the answer.
    rest: Option<Box<Rest>>,
    room: RoomState,
}

/// Whether memory is reserved for a request that is not a call.
enum RoomState {
    /// Not needed: it is a call, which is accounted for separately, or the only request on its connection.
    NotKept,
    Reserved {
        room: Room,
        is_health: bool,
    },
    /// None was left. Health checks are served nonetheless.
    Full {
        is_health: bool,
    },
}

impl RoomState {
    fn open(record: &Arc<ConnectionRecord>, request: &Request<Incoming>) -> Self {
        if request.version() != Version::HTTP_2 {
            return Self::NotKept;
        }
        let is_health = matches!(request.uri().path(), "/healthz" | "/livez" | "/readyz");
        Self::of(Room::take(record), is_health)
    }

    fn of(room: Option<Room>, is_health: bool) -> Self {
        room.map_or(Self::Full { is_health }, |room| Self::Reserved { room, is_health })
    }

    /// Also reserves memory for the body of the answer, which may have to wait for its client.
    fn with_body(self, bytes: u64) -> Self {
        match self {
            Self::Reserved { room, is_health } => Self::of(room.with_body(bytes), is_health),
            other => other,
        }
    }
}

/// The answer to a request, still pending.
enum PendingResponse {
    Http(BoxAnswer),
    Messages(BoxMessages),
    Unary(unary::UnaryAnswer),
    /// It has been taken.
    Over,
}

impl PendingResponse {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ReadyResponse> {
        let came = match self {
            Self::Http(response) => ready!(response.as_mut().poll(cx)).map(ReadyResponse::Response),
            Self::Messages(messages) => {
                ready!(messages.as_mut().poll(cx)).map(ReadyResponse::Messages)
            }
            Self::Unary(message) => ready!(Pin::new(message).poll(cx)).map(ReadyResponse::Message),
            Self::Over => return Poll::Pending,
        };
        Poll::Ready(came.unwrap_or_else(ReadyResponse::Ended))
    }
}

enum ReadyResponse {
    Response(Response<Body>),
    /// The messages of a gRPC call.
    Messages(MessageStream),
    /// The only message of a gRPC call, with its prefix.
    Message(Bytes),
    /// The call ends this way instead of being answered.
    Ended(Ending),
}

impl ResponseFuture {
    /// The call that this answers, if the request was one.
    pub(crate) fn call(&self) -> Option<Arc<Call>> {
        self.call.clone()
    }

    fn of(call: Option<Arc<Call>>, coming: PendingResponse) -> Self {
        Self { call, is_head: false, coming, rest: None, room: RoomState::NotKept }
    }

    fn plain(&mut self, response: Response<Body>) -> Response<AnswerBody> {
        let response = if self.is_head { plain::without_body(response) } else { response };
        let body = http_body::Body::size_hint(response.body()).lower();
        match mem::replace(&mut self.room, RoomState::NotKept).with_body(body) {
            RoomState::NotKept => AnswerBody::plain(response, None),
            RoomState::Reserved { room, .. } => AnswerBody::plain(response, Some(room)),
            // Flow control never holds up a response without a body.
            RoomState::Full { is_health } => {
                let mut response = response.map(|_| Body::empty());
                if response.status().is_success() && !is_health {
                    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                }
                AnswerBody::plain(response, None)
            }
        }
    }

    /// Ends the call this way if that leaves no answer; see [`Call::end_unanswered`].
    fn end_unanswered(&mut self, ending: &Ending) -> Option<Poll<ResetByPlan>> {
        self.coming = PendingResponse::Over;
        self.call.as_ref().and_then(|call| call.end_unanswered(ending))
    }

    /// Reads the rest of the request during the wait. A form in the body may cause the call to be refused.
    fn read_rest(&mut self, cx: &mut Context<'_>) {
        let (Some(rest), Some(call)) = (&mut self.rest, &self.call) else { return };
        // A call that hangs is not answered, whatever its body contains.
        if let Some(bad) = rest.read_on(cx)
            && !call.is_hung()
        {
            call.cut(face::refusal_of_body(bad).into());
        }
    }

    /// Lets the answer wait until it is known that the body is no reason to refuse the call.
    fn wait_for_rest(&mut self, polled: Poll<ReadyResponse>) -> Poll<ReadyResponse> {
        let (Some(rest), Some(call)) = (&self.rest, &self.call) else { return polled };
        match (polled, rest.answer_waits_until()) {
            (Poll::Ready(ReadyResponse::Response(response)), Some(until))
                if response.status().is_success() =>
            {
                call.wake_at(until);
                self.coming = PendingResponse::Http(Box::pin(future::ready(Ok(response))));
                Poll::Pending
            }
            (polled, _) => polled,
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<AnswerBody>, ResetByPlan>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.rest.is_some() {
            this.read_rest(cx);
        }
        let before = this.call.as_ref().and_then(|call| call.why_cut());
        let polled = if before.is_none() { this.coming.poll(cx) } else { Poll::Pending };
        let polled = if this.rest.is_some() { this.wait_for_rest(polled) } else { polled };
        // Checked again, since reading the request may have cut the call.
        let cut = before.or_else(|| this.call.as_ref().and_then(|call| call.why_cut()));
        let cut = match &polled {
            Poll::Pending if cut.is_none() => return Poll::Pending,
            Poll::Ready(ReadyResponse::Ended(ending)) if cut.is_none() => {
                if let Some(unanswered) = this.end_unanswered(ending) {
                    return unanswered.map(Err);
                }
                Some(ending.clone())
            }
            _ => cut,
        };
        // Releases what was read for the call before its answer is sent.
        this.coming = PendingResponse::Over;
        let call = this.call.take();
        let with_more = call.as_ref().filter(|call| call.has_more_headers()).map(Arc::clone);
        let mut response = match (cut, polled, call) {
            (Some(why), _, Some(call)) => this.plain(response_of(&why, &call)),
            (_, Poll::Ready(ReadyResponse::Message(message)), Some(call)) => {
                AnswerBody::of_message(message, call)
            }
            (_, Poll::Ready(ReadyResponse::Messages(messages)), Some(call)) => {
                AnswerBody::of_messages(messages, call)
            }
            (_, Poll::Ready(ReadyResponse::Response(response)), Some(call)) => {
                let is_head = this.is_head;
                let response = if is_head { plain::without_body(response) } else { response };
                AnswerBody::of_http(response, call)
            }
            (_, Poll::Ready(ReadyResponse::Response(response)), None) => this.plain(response),
            _ => unreachable!("only calls are cut, and only they have messages"),
        };
        if let Some(call) = with_more {
            call.add_more_headers(response.headers_mut());
        }
        if let Some(lingering) = this.rest.take().and_then(|rest| rest.answered(&mut response)) {
            response.body_mut().linger(lingering);
        }
        Poll::Ready(Ok(response))
    }
}

/// The response to a call that ends this way instead of being answered.
fn response_of(ending: &Ending, call: &Call) -> Response<Body> {
    call.finish(ending.clone());
    match call.kind() {
        Some(CallKind::Http) => face::ended(ending, call),
        _ => call.status(ending).into_http(),
    }
}

fn call_headers(worker: &Worker, request: &Request<Incoming>) -> CallHeaders {
    let Shared { config, host, .. } = &**worker.shared();
    let foreign = (config.foreign_headers && !config.is_fixed)
        .then(|| ForeignHeaders { host, max_delay: config.limits.max_delay });
    let rules = HeaderRules {
        read_behavior: &|text| worker.read_behavior(text),
        foreign,
        takes_attempt_count: config.foreign_headers,
        echoes: config.has_interop && interop::serves(request.uri().path()),
    };
    CallHeaders::read(request.headers(), &rules)
}

/// Dispatches a request, and begins a call if the request is one.
pub(crate) fn route(record: &Arc<ConnectionRecord>, request: Request<Incoming>) -> ResponseFuture {
    record.request_came();
    let worker = record.worker();
    if let Some(why) = host::fault(&request) {
        return refuse(record, request, plain::text(StatusCode::BAD_REQUEST, why));
    }
    if !is_grpc(&request) {
        let call = face::is_call(&request).then(|| {
            // Over HTTP/1.1, a pipelined request is processed only after the previous answers, however early
            // it was read.
            let arrived = match request.version() {
                Version::HTTP_2 => record.last_read(),
                _ => worker.timer().now(),
            };
            Call::begin(record, Some(CallKind::Http), call_headers(worker, &request), arrived)
        });
        let response = face::answer(worker, call.clone(), &request);
        let is_head = request.method() == Method::HEAD;
        let room = match &call {
            Some(_) => RoomState::NotKept,
            None => RoomState::open(record, &request),
        };
        let rest = Rest::of(request, record);
        return ResponseFuture {
            is_head,
            rest,
            room,
            ..ResponseFuture::of(call, PendingResponse::Http(response))
        };
    }
    match find(&request, worker.shared().config.has_interop) {
        Ok((kind, handler)) => {
            let headers = call_headers(worker, &request);
            let refused = headers
                .has_encoding
                .then(|| messages::refuse_encoding(request.headers()))
                .flatten();
            let call = Call::begin(record, kind, headers, record.last_read());
            if kind.is_none() && interop::serves(request.uri().path()) {
                call.is_of_interop();
            }
            let cardinality = cardinality(kind, request.uri().path());
            let intake = Intake::new(request.into_body(), Arc::clone(&call), cardinality);
            let coming = match (refused, handler) {
                (Some(refusal), _) => {
                    call.cut(refusal.into());
                    PendingResponse::Over
                }
                (None, Some(handler)) => {
                    PendingResponse::Messages(handler(Arc::clone(&call), intake))
                }
                (None, None) => {
                    PendingResponse::Unary(unary::UnaryAnswer::new(Arc::clone(&call), intake))
                }
            };
            ResponseFuture::of(Some(call), coming)
        }
        Err(refused) => refuse(record, request, *refused),
    }
}

/// Refuses a request immediately.
fn refuse(
    record: &Arc<ConnectionRecord>,
    request: Request<Incoming>,
    refused: Response<Body>,
) -> ResponseFuture {
    let is_head = request.method() == Method::HEAD;
    let room = RoomState::open(record, &request);
    let rest = Rest::of(request, record);
    ResponseFuture {
        is_head,
        rest,
        room,
        ..ResponseFuture::of(None, PendingResponse::Http(Box::pin(future::ready(Ok(refused)))))
    }
}

type RouteMatch = (Option<CallKind>, Option<Handler>);

/// The kind of a gRPC request, if it is one of our own RPCs, and its handler, unless it is our unary RPC.
/// The error is the refusal.
fn find(request: &Request<Incoming>, has_interop: bool) -> Result<RouteMatch, Box<Response<Body>>> {
    if let Some(refused) = refuse_transport(request) {
        return Err(Box::new(refused));
    }
    let path = request.uri().path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let (service, method) = path.rsplit_once('/').unwrap_or((path, ""));
    if let Some(kind) = kind_of(method).filter(|_| service == SERVICE_NAME) {
        return Ok((Some(kind), rpc::find(kind)));
    }
    if let Some(handler) = services::find(service, method, has_interop) {
        return Ok((None, Some(handler)));
    }
    let why = format!(
        "there is no method {} in a service {} here: list the services with `grpcurl ... list`",
        quoted(method),
        quoted(service)
    );
    Err(Box::new(Status::new(Code::Unimplemented, why).into_http()))
}

/// How many messages the request of a known method has.
fn cardinality(kind: Option<CallKind>, path: &str) -> Cardinality {
    match kind {
        Some(CallKind::LongSync | CallKind::LongSyncStream) => Cardinality::One,
        None if !path.ends_with("/ServerReflectionInfo") && !interop::streams_requests(path) => {
            Cardinality::One
        }
        _ => Cardinality::Any,
    }
}

fn kind_of(method: &str) -> Option<CallKind> {
    CallKind::ALL.into_iter().find(|kind| *kind != CallKind::Http && kind.name() == method)
}

/// Decided by content type alone: a gRPC request for an unknown path gets a gRPC error.
fn is_grpc(request: &Request<Incoming>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| {
        let value = value.as_bytes();
        let essence = value.split(|byte| *byte == b';').next().unwrap_or(value).trim_ascii();
        [&b"application/grpc"[..], b"application/grpc+proto"]
            .iter()
            .any(|grpc| essence.eq_ignore_ascii_case(grpc))
    })
}

/// Refuses a gRPC request that is not a POST over HTTP/2 (gRPC's PROTOCOL-HTTP2.md).
fn refuse_transport(request: &Request<Incoming>) -> Option<Response<Body>> {
    if request.version() != Version::HTTP_2 {
        let why = "gRPC requires HTTP/2: with curl, use --http2-prior-knowledge\n";
        return Some(plain::text(StatusCode::HTTP_VERSION_NOT_SUPPORTED, why));
    }
    if request.method() != Method::POST {
        let mut refused = plain::text(StatusCode::METHOD_NOT_ALLOWED, "gRPC is called with POST\n");
        refused.headers_mut().insert(header::ALLOW, http::HeaderValue::from_static("POST"));
        return Some(refused);
    }
    None
}
