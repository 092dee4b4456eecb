//! A request over HTTP/1.1, on a connection of its own.

use std::io;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
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
use longsync_text::grouped;

/// An answer: whole, but for the body of one that is an error.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("HTTP/1.1: {0}")]
    Http(#[from] hyper::Error),
    #[error("the body has more than {} bytes: raise --max-answer-bytes", grouped(*.most as u64))]
    TooLong { most: usize },
}

/// Connects, gets `path`, and reads all of the answer, if its body has at most `most` bytes; `stamps`
/// say when it was sent and done. Of an error's body only the beginning is read, as far as it comes.
///
/// # Cancel safety
/// The connection is closed, which tells the server.
pub(crate) async fn get(
    target: &Target,
    path: &str,
    most: usize,
    timer: &Timer,
    stamps: &Stamps,
) -> Result<HttpAnswer, HttpError> {
    let (mut sender, _driving) = dial(&Tcp, target, timer, begin).await?;
    let request = request(target, path);
    stamps.set_sent(timer.now());
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        if !head.status.is_success() {
            return Ok((head, beginning(body, timer).await));
        }
        let body = Limited::new(body, most).collect().await;
        let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => HttpError::Http(*error),
            // It has one other.
            Err(_) => HttpError::TooLong { most },
        });
        Ok::<_, HttpError>((head, body?.to_bytes()))
    };
    let answered = answer.await;
    stamps.set_done(timer.now());
    answered.map(|(head, body)| HttpAnswer { status: head.status, headers: head.headers, body })
}

/// What comes of an error's body within a moment: it only makes a sentence.
async fn beginning(mut body: Incoming, timer: &Timer) -> Bytes {
    let mut came = BytesMut::new();
    let reading = async {
        while came.len() < PAGE_BYTES
            && let Some(Ok(frame)) = body.frame().await
        {
            let data = frame.into_data().unwrap_or_default();
            came.extend_from_slice(&data[..data.len().min(PAGE_BYTES - came.len())]);
        }
    };
    tokio::select! {
        biased;
        () = reading => {}
        _ = timer.sleep(PAGE_PATIENCE) => {}
    }
    came.freeze()
}

/// Sees whether somebody at `target` answers in HTTP/1.1, whatever the answer.
///
/// # Errors
/// When nobody does, within the time in which a server is to say what its protocol begins with.
///
/// # Cancel safety
/// The connection is closed.
pub(crate) async fn probe(target: &Target, timer: &Timer) -> Result<(), ConnectError> {
    let asking = async |socket| {
        let (mut sender, _driving) = begin(socket).await?;
        sender
            .send_request(request(target, "/"))
            .await
            .map_err(|error| io::Error::other(format!("HTTP/1.1: {error}")))
    };
    dial(&Tcp, target, timer, asking).await.map(drop)
}

type Sender = http1::SendRequest<Empty<Bytes>>;

async fn begin(socket: TcpStream) -> io::Result<(Sender, AbortOnDropHandle<hyper::Result<()>>)> {
    let (sender, connection) =
        http1::handshake(TokioIo::new(socket)).await.map_err(io::Error::other)?;
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
