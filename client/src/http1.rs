//! A request over HTTP/1.1, on its own connection.

use std::error::Error as _;
use std::io;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use longsync_timer::Timer;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use longsync_connect::Stamps;
use longsync_connect::Target;
use longsync_connect::answer::PAGE_BYTES;
use longsync_connect::incoming::PAGE_PATIENCE;
use longsync_connect::{ConnectError, Tcp, dial};
use longsync_text::{grouped, in_words};

/// How much a connection reads at a time: this also limits the head of an answer.
const READ_BYTES: usize = 64 * 1024;

/// An answer: complete, except that its body may be cut.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body, or as much of it as was to be kept.
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("HTTP/1.1: {}", with_source(.0))]
    Http(#[from] hyper::Error),
    #[error("the answer was cut short")]
    CutShort,
    #[error("the body has more than {} bytes: raise --max-answer-bytes", grouped(*.most as u64))]
    TooLong { most: usize },
}

/// What is kept of the body of a good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    All,
    /// At most the first [`PAGE_BYTES`]: enough to say what it is. The rest is only read to its end.
    Beginning,
}

/// Connects, gets a path with these headers, and reads the complete answer, if its body has at most `most` bytes; `stamps`
/// record when it was sent and done. Only the beginning of an error's body is read, as far as it arrives.
///
/// # Cancel safety
/// Dropping the future closes the connection, by which the server notices.
pub(crate) async fn get(
    target: &Target,
    (path, headers): (&str, &HeaderMap),
    (most, keep): (usize, Keep),
    timer: &Timer,
    stamps: &Stamps,
) -> Result<HttpAnswer, HttpError> {
    let (mut sender, _driving) = dial(&Tcp, target, 0, timer, begin).await?;
    let mut request = request(target, path);
    request.headers_mut().extend(headers.clone());
    stamps.set_sent(timer.now());
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        if !head.status.is_success() {
            return Ok((head, beginning(body, timer).await));
        }
        Ok::<_, HttpError>((head, whole(body, most, keep).await?))
    };
    let answered = answer.await;
    stamps.set_done(timer.now());
    answered.map(|(head, body)| HttpAnswer { status: head.status, headers: head.headers, body })
}

async fn whole(mut body: Incoming, most: usize, keep: Keep) -> Result<Bytes, HttpError> {
    let (mut kept, mut length) = (BytesMut::new(), 0_usize);
    let most_kept = match keep {
        Keep::All => most,
        Keep::Beginning => PAGE_BYTES,
    };
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(broken)?.into_data().unwrap_or_default();
        length = length.saturating_add(data.len());
        if length > most {
            return Err(HttpError::TooLong { most });
        }
        let room = most_kept.saturating_sub(kept.len());
        kept.extend_from_slice(&data[..data.len().min(room)]);
    }
    Ok(kept.freeze())
}

/// Why a body did not arrive completely.
fn broken(error: hyper::Error) -> HttpError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let of_io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let is_cut = of_io.is_some_and(|error| {
        matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
    });
    if is_cut || error.is_incomplete_message() { HttpError::CutShort } else { error.into() }
}

/// hyper's errors name only their kind; the cause is in their source.
fn with_source(error: &hyper::Error) -> String {
    match error.source() {
        Some(source) => {
            let of_io = source.downcast_ref::<io::Error>();
            format!("{error}: {}", of_io.map_or_else(|| source.to_string(), in_words))
        }
        None => error.to_string(),
    }
}

/// As much of an error's body as arrives shortly: it only fills a sentence.
async fn beginning(mut body: Incoming, timer: &Timer) -> Bytes {
    let mut received = BytesMut::new();
    let reading = async {
        while received.len() < PAGE_BYTES
            && let Some(Ok(frame)) = body.frame().await
        {
            let data = frame.into_data().unwrap_or_default();
            received.extend_from_slice(&data[..data.len().min(PAGE_BYTES - received.len())]);
        }
    };
    tokio::select! {
        biased;
        () = reading => {}
        _ = timer.sleep(PAGE_PATIENCE) => {}
    }
    received.freeze()
}

/// Checks whether a server at `target` answers in HTTP/1.1, whatever its answer is.
///
/// # Errors
/// If none does within the time in which a server has to begin its protocol.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub(crate) async fn probe(target: &Target, timer: &Timer) -> Result<(), ConnectError> {
    let asking = async |socket| {
        let (mut sender, _driving) = begin(socket).await?;
        sender
            .send_request(request(target, "/"))
            .await
            .map_err(|error| io::Error::other(format!("HTTP/1.1: {error}")))
    };
    dial(&Tcp, target, 0, timer, asking).await.map(drop)
}

type Sender = http1::SendRequest<Empty<Bytes>>;

async fn begin(socket: TcpStream) -> io::Result<(Sender, AbortOnDropHandle<hyper::Result<()>>)> {
    let mut http1 = http1::Builder::new();
    let (sender, connection) = http1
        .max_buf_size(READ_BYTES)
        .handshake(TokioIo::new(socket))
        .await
        .map_err(io::Error::other)?;
    Ok((sender, AbortOnDropHandle::new(tokio::spawn(connection))))
}

fn request(target: &Target, path: &str) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = path.parse().expect("the paths that we ask for are valid");
    if let Ok(host) = target.authority().parse() {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}
