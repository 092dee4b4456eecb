//! The HTTP face: `/long_sync`, health checks, `/metrics`, `/stats.json`, and `/` with commands to try.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use longsync::duration::from_proto;
use longsync::v1::Timing;
use longsync::{DONE, HTTP_PATH};
use longsync_behavior::Behavior;
use longsync_text::quoted;
use tonic::body::Body;

use crate::body::rest::BodyError;
use crate::call::Call;
use crate::call::ending::Ending;
use crate::call::plan::{Ask, Plan, RequestedDelay};
use crate::call::refusal::Refusal;
use crate::call::wait::Wait;
use crate::config::Config;
use crate::examples::Examples;
use crate::http::plain::{of_type, text};
use crate::http::{accept, host, metrics, page, stats};
use crate::shared::format::Format;
use crate::worker::Worker;

/// The answer to a request that is not gRPC.
pub(crate) type BoxAnswer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

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
            Box::pin(async move { varying(metrics.await) })
        }
        "/stats.json" if is_read(request.method()) => {
            Box::pin(counted(Arc::clone(worker), Format::Json))
        }
        _ => Box::pin(ready(at_once(worker, request))),
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
    timed(text(ending.http_status(), format!("{}\n", ending.message())), &call.timing_at_end())
}

type PlanResult = Result<(Plan, SystemTime), Refusal>;

fn planned(call: &Call, query: &str) -> PlanResult {
    let Query { delay, behavior, call_id } = asked(query)?;
    let ask = Ask {
        delay: delay.as_deref().map(RequestedDelay::Text),
        behavior: behavior.as_deref().unwrap_or_default(),
        call_id: call_id.as_deref().unwrap_or_default(),
        ..Ask::default()
    };
    let (plan, received_at) = call.plan(ask, 0, call.arrived())?;
    call.hold(plan.held_bytes())?;
    Ok((plan, received_at))
}

async fn long_sync(call: &Call, planned: PlanResult) -> Response<Body> {
    let (plan, received_at) = match planned {
        Ok(planned) => planned,
        Err(refusal) => {
            let ending = Ending::Refused(refusal);
            call.finish(ending.clone());
            return ended(&ending, call);
        }
    };
    let wait = Wait::new(call.arrived(), plan.delay).after_standing(call.queued_at(call.arrived()));
    let spent = call.wait(wait).await;
    timed(text(StatusCode::OK, DONE), &call.timing(spent, &plan.applied, received_at))
}

/// The parameters of a query.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    delay: Option<String>,
    behavior: Option<String>,
    call_id: Option<String>,
}

fn asked(query: &str) -> Result<Query, Refusal> {
    let mut asked = Query::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "delay" => &mut asked.delay,
            "behavior" => &mut asked.behavior,
            "call_id" => &mut asked.call_id,
            _ => {
                let why = format!(
                    "{} is not a known parameter: send delay, behavior or call_id",
                    quoted(&name)
                );
                return Err(Refusal::invalid("query", why));
            }
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(Refusal::invalid(&name, "given twice: send it once"));
        }
    }
    if let Some(behavior) = asked.behavior.as_deref().filter(|behavior| behavior.is_empty()) {
        // In a message, an empty behavior is none; in a query, it is rather a variable which is not set.
        let read = behavior.parse::<Behavior>();
        read.map_err(|why| Refusal::invalid("behavior", why.to_string()))?;
    }
    Ok(asked)
}

/// The refusal of a call because of the body of its request.
pub(crate) fn refusal_of_body(bad: BodyError) -> Refusal {
    match bad {
        BodyError::Names(field) => {
            let why = format!(
                "it is in the body, which is not used: put it in the query, as in {HTTP_PATH}?{field}=250ms"
            );
            Refusal::invalid(field, why)
        }
        BodyError::Malformed => {
            let why = "its framing does not match the headers: send a complete body, or none";
            Refusal::invalid("body", why)
        }
    }
}

/// Adds the `server-timing` header, in milliseconds, as its specification requires.
fn timed(mut response: Response<Body>, timing: &Timing) -> Response<Body> {
    let figures =
        [("planned", &timing.planned), ("waited", &timing.waited), ("queued", &timing.queued)];
    let value = figures
        .into_iter()
        .filter_map(|(name, duration)| {
            let duration = from_proto(duration.as_ref()?).ok()?;
            Some(format!("{name};dur={:.3}", duration.as_secs_f64() * 1e3))
        })
        .collect::<Vec<_>>()
        .join(", ");
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert("server-timing", value);
    }
    response
}

fn what_to_try(config: &Config, host: &str) -> String {
    let Examples { curl, curl_with_tail, grpcurl, describe, .. } = Examples::new(config, host);
    let commands = [Some(curl), curl_with_tail, Some(grpcurl), Some(describe)];
    let commands = commands.into_iter().flatten().collect::<Vec<_>>().join("\n    ");
    let behavior = &config.behavior;
    let (scope, parameters) = if config.is_fixed {
        ("for every call", "?call_id=")
    } else {
        ("by default", "?delay= or ?behavior=, and ?call_id=")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_unknown_parameters_are_refused() {
        assert_eq!(asked("").unwrap(), Query::default());
        assert_eq!(asked("delay=250ms").unwrap().delay.as_deref(), Some("250ms"));
        let of_behavior = asked("behavior=constant%281s%29&call_id=a").unwrap();
        assert_eq!(of_behavior.behavior.as_deref(), Some("constant(1s)"));
        assert_eq!(of_behavior.call_id.as_deref(), Some("a"));
        assert!(asked("delya=250ms").is_err());
        assert!(asked("delay=1s&delay=2s").is_err());
    }
}
