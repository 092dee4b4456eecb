//! `GET /metrics` over HTTP/1.1.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::MetricsBoard;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// A run has few scrapers: connections beyond this number wait for earlier ones to close.
const MOST_CONNECTIONS: usize = 64;
/// How long a connection may be idle, and how long a client may take to read an answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to pause accepting when the system has no file descriptors left.
const RETRY: Duration = Duration::from_millis(100);

/// Answers until `end` is cancelled.
pub(super) async fn serve(listener: TcpListener, board: MetricsBoard, end: CancellationToken) {
    // The listener is non-blocking, and the runtime has an I/O driver for it.
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    // Dropping the set closes all connections.
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, _)) => {
                    let board = board.clone();
                    connections.spawn(async move {
                        connection(stream, board).await;
                        drop(permit);
                    });
                }
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = end.cancelled() => {}
    }
}

async fn connection(stream: TcpStream, board: MetricsBoard) {
    let answering = service_fn(|request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &board);
        async { Ok::<_, Infallible>(answer) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), answering);
    // Errors of clients, and clients that disconnect, are not reported.
    let _ = serving.await;
}

fn answer(method: &Method, path: &str, board: &MetricsBoard) -> Response<Full<Bytes>> {
    let (status, kind, text) = match (path, method) {
        ("/metrics", &Method::GET | &Method::HEAD) => (StatusCode::OK, OPEN_METRICS, board.text()),
        ("/metrics", _) => {
            (StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET is answered here\n".to_owned())
        }
        _ => {
            (StatusCode::NOT_FOUND, PLAIN, "the metrics of this load are at /metrics\n".to_owned())
        }
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
