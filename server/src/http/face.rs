//! The HTTP face: `/long_sync`, health checks, `/metrics`, `/stats.json`, and `/` with commands to try.

use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use longsync::duration::from_proto;
use longsync::v1::Timing;
use longsync::{DONE, HTTP_PATH};
use longsync_behavior::{AppliedBehavior, Fault, FaultMoment};
use longsync_text::quoted;
use tonic::body::Body;

use crate::body::rest::BodyError;
use crate::call::Call;
use crate::call::ending::Ending;
use crate::call::plan::{AnswerPayload, Plan};
use crate::call::refusal::Refusal;
use crate::config::Config;
use crate::examples::Examples;
use crate::http::plain::{of_type, text};
use crate::http::query::Query;
use crate::http::{accept, host, metrics, page, plain, stats};
use crate::shared::format::Format;
use crate::worker::Worker;

/// The answer to a request that is not gRPC, or how its call ends instead.
pub(crate) type BoxAnswer = Pin<Box<dyn Future<Output = Result<Response<Body>, Ending>> + Send>>;

/// Whether a request is a call, which waits and is counted.
pub(crate) fn is_call<B>(request: &Request<B>) -> bool {
    let method = request.method();
    request.uri().path() == HTTP_PATH && (is_read(method) || method == Method::POST)
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Answers a request that is not gRPC.
pub(crate) fn answer<B>(
    worker: &Arc<Worker>,
    call: Option<Arc<Call>>,
    request: &Request<B>,
) -> BoxAnswer {
    if let Some(call) = call {
        // Parsed before the wait, so that a long query is not kept for an hour.
        let planned = planned(&call, request.uri().query().unwrap_or_default());
        return Box::pin(async move { long_sync(&call, planned).await });
    }
    match request.uri().path() {
        "/metrics" if is_read(request.method()) => {
            let metrics = counted(Arc::clone(worker), accept::format(request.headers()));
            Box::pin(async move { Ok(varying(metrics.await)) })
        }
        "/stats.json" if is_read(request.method()) => {
            let stats = counted(Arc::clone(worker), Format::Json);
            Box::pin(async move { Ok(stats.await) })
        }
        _ => Box::pin(ready(Ok(at_once(worker, request)))),
    }
}

/// The current counters.
async fn counted(worker: Arc<Worker>, format: Format) -> Response<Body> {
    let scrapes = worker.shared().scrapes.clone();
    let render = move |format| match format {
        Format::Json => stats::render(worker.shared(), worker.timer().now()),
        Format::Text | Format::OpenMetrics => metrics::render(worker.shared(), format),
    };
    let Some(rendered) = scrapes.ask(format, render).await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "cannot render the counters\n");
    };
    of_type(format.content_type(), text(StatusCode::OK, rendered))
}

fn at_once<B>(worker: &Worker, request: &Request<B>) -> Response<Body> {
    let path = request.uri().path();
    match path {
        "*" if request.method() == Method::OPTIONS => {
            allowing("GET, HEAD, POST, OPTIONS", text(StatusCode::OK, ""))
        }
        HTTP_PATH => allowing("GET, HEAD, POST", wrong_method(path, "GET or POST, and HEAD")),
        "/" | "/healthz" | "/livez" | "/readyz" | "/metrics" | "/stats.json"
            if !is_read(request.method()) =>
        {
            allowing("GET, HEAD", wrong_method(path, "GET or HEAD"))
        }
        "/" => varying(welcome(worker, request)),
        // A server that answers is alive; a drain is not a reason to kill it.
        "/livez" => text(StatusCode::OK, "alive\n"),
        "/healthz" | "/readyz" if worker.shared().is_healthy() => text(StatusCode::OK, "serving\n"),
        "/healthz" | "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n"),
        _ if path.starts_with("/longsync.v1.") => text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "this is gRPC: call it with content-type application/grpc over HTTP/2\n",
        ),
        _ => text(
            StatusCode::NOT_FOUND,
            format!("nothing at {}: see / for what to try\n", quoted(path)),
        ),
    }
}

/// The description of this server, with commands to try: a page for browsers, text for everyone else.
fn welcome<B>(worker: &Worker, request: &Request<B>) -> Response<Body> {
    let (config, address) = (&worker.shared().config, host::to_call(request));
    if accept::wants_html(request.headers()) {
        page::answer(config, &address)
    } else {
        text(StatusCode::OK, what_to_try(config, &address))
    }
}

fn wrong_method(path: &str, right: &str) -> Response<Body> {
    text(StatusCode::METHOD_NOT_ALLOWED, format!("{path} takes {right}\n"))
}

fn allowing(methods: &'static str, mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    response
}

/// Marks an answer whose form depends on `Accept`.
fn varying(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// The answer to a call that ends this way before its wait is over.
pub(crate) fn ended(ending: &Ending, call: &Call) -> Response<Body> {
    let status = ending.http_status();
    let mut response = if plain::has_content(status) {
        text(status, format!("{}\n", ending.message()))
    } else {
        plain::empty(status)
    };
    if let Some(seconds) = ending.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    timed(response, &call.timing_at_end(ending))
}

type PlanResult = Result<(Plan, SystemTime), Refusal>;

fn planned(call: &Call, query: &str) -> PlanResult {
    let query = Query::read(query)?;
    let planned = call.plan(query.as_ask(), 0, call.arrived());
    let (mut plan, received_at) = planned.map_err(|why| why.renamed("response_bytes", "bytes"))?;
    if let Some(status) = query.status {
        call.may_choose("status")?;
        // With a status, the caller has chosen everything that the server's behavior might do.
        plan.applied = AppliedBehavior::Delay(plan.delay());
        if !plan.is_aborted() {
            plan.fault = Some(status);
        }
    }
    call.hold(plan.held_bytes() + plan.payload.len() as u64)?;
    Ok((plan, received_at))
}

async fn long_sync(call: &Call, planned: PlanResult) -> Result<Response<Body>, Ending> {
    let (mut plan, received_at) = planned?;
    call.count_attempt(&mut plan, "");
    if let Some(fault) = plan.fault_at(FaultMoment::Before) {
        return Err(call.ending_by(fault));
    }
    let start = call.arrived();
    let (wait, spent) = if call.stands(&plan) {
        call.begin_queued(start, &plan);
        poll_fn(|cx| call.poll_queued(cx)).await?
    } else {
        let wait = call.first_wait(start, &plan);
        (wait, call.wait(wait).await)
    };
    if let Some(fault) = plan.fault_at(FaultMoment::After) {
        return Err(call.ending_after(fault, wait, spent));
    }
    call.begins_answer(plan.fault.as_ref());
    let timing = call.timing(spent, &plan.applied, plan.fault.as_deref(), received_at);
    let answer = match &plan.payload {
        AnswerPayload::Zeros(bytes) => {
            let zeros = Bytes::from(vec![0; *bytes as usize]);
            of_type("application/octet-stream", text(StatusCode::OK, zeros))
        }
        _ => text(StatusCode::OK, DONE),
    };
    let mut response = timed(answer, &timing);
    if plan.fault.is_some_and(|fault| *fault.fault() == Fault::GoAway(None)) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// The refusal of a call because of the body of its request.
pub(crate) fn refusal_of_body(bad: BodyError) -> Refusal {
    match bad {
        BodyError::Names(field) => {
            let value = if field == "status" { "503" } else { "250ms" };
            let why = format!(
                "it is in the body, which is not used: put it in the query, as in \
                 {HTTP_PATH}?{field}={value}"
            );
            Refusal::invalid(field, why)
        }
        BodyError::Malformed => {
            let why = "its framing does not match the headers: send a complete body, or none";
            Refusal::invalid("body", why)
        }
    }
}

/// Adds the `server-timing` header, in milliseconds, as its specification requires, and the fault as a
/// description.
fn timed(mut response: Response<Body>, timing: &Timing) -> Response<Body> {
    let figures =
        [("planned", &timing.planned), ("waited", &timing.waited), ("queued", &timing.queued)];
    let fault = Some(&timing.fault).filter(|fault| !fault.is_empty());
    let fault = fault.map(|fault| {
        let escaped = fault.replace('\\', "\\\\").replace('"', "\\\"");
        format!("fault;desc=\"{escaped}\"")
    });
    let value = figures
        .into_iter()
        .filter_map(|(name, duration)| {
            let duration = from_proto(duration.as_ref()?).ok()?;
            Some(format!("{name};dur={:.3}", duration.as_secs_f64() * 1e3))
        })
        .chain(fault)
        .collect::<Vec<_>>()
        .join(", ");
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert("server-timing", value);
    }
    response
}

fn what_to_try(config: &Config, host: &str) -> String {
    let Examples { curl, curl_with_tail, curl_that_fails, grpcurl, describe, .. } =
        Examples::new(config, host);
    let commands = [Some(curl), curl_with_tail, curl_that_fails, Some(grpcurl), Some(describe)];
    let commands = commands.into_iter().flatten().collect::<Vec<_>>().join("\n    ");
    let behavior = &config.behavior;
    let (scope, parameters) = if config.is_fixed {
        ("for every call", "?bytes= and ?call_id=")
    } else {
        ("by default", "?delay=, ?status= or ?behavior=, ?bytes= and ?call_id=")
    };
    format!(
        "longsync: a server that takes exactly as long as it is told ({behavior} {scope})

    {commands}

    {HTTP_PATH}   waits, then answers {DONE}  ({parameters})
    /healthz     200 while serving, 503 when shutting down; also /readyz
    /livez       200 as long as the server is running
    /metrics     Prometheus text, or OpenMetrics for clients that name it in Accept
    /stats.json  the same counters as JSON
    /            a live version of the lesson, in a browser: http://{host}/
"
    )
}
