//! Calls of the contract: their requests, and their answers, which are read without trusting the server.
//!
//! If the server reports that it never processed a call, the call is made once more, on another connection:
//! no caller should lose a call because a server is going away.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Uri, header};
use longsync::codec::Codec;
use longsync::frame;
use longsync::v1::long_sync_service_server::SERVICE_NAME;
use longsync_timer::Timer;
use prost::Message;
use tokio_stream::StreamExt as _;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec as _, EncodeBody};
use tonic::metadata::MetadataMap;

use crate::answer::AnswerLimits;
pub use crate::body::Outgoing;
use crate::body::{Hold, Stamps};
use crate::connection_pool::ConnectionPool;
use crate::incoming::{AnswerError, Incoming, page_status};
use crate::status::{from_h2, refusal, sentence};
use crate::stream_permit::{SendError, StreamPermit};

/// How many times a call moves to another connection because its own closed before any of it was sent.
const MOST_UNSENT: usize = 3;

/// The path of the RPC of the contract with this name, such as `LongSync`.
///
/// # Panics
/// If it is not a valid name.
pub fn path(name: &str) -> PathAndQuery {
    let path = PathAndQuery::try_from(format!("/{SERVICE_NAME}/{name}"));
    path.expect("the names of the contract are valid in a path")
}

/// The head of a request to this path of a [target's origin](crate::Target::origin).
///
/// # Panics
/// If the timeout is longer than gRPC can express: 99,999,999 hours.
pub fn head(
    origin: Uri,
    path: PathAndQuery,
    metadata: &MetadataMap,
    timeout: Option<Duration>,
) -> Request<()> {
    let mut request = tonic::Request::new(());
    *request.metadata_mut() = metadata.clone();
    if let Some(timeout) = timeout {
        request.set_timeout(timeout);
    }
    let mut headers = request.into_parts().0.into_headers();
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let mut parts = origin.into_parts();
    parts.path_and_query = Some(path);
    let mut head = Request::new(());
    *head.method_mut() = Method::POST;
    *head.uri_mut() = Uri::from_parts(parts).expect("a target has a scheme and an authority");
    *head.headers_mut() = headers;
    head
}

/// The body of a request with one message.
pub fn whole(message: &impl Message) -> Outgoing {
    Outgoing::Whole(frame::encoded(message))
}

/// The body of a request with many messages, each made when HTTP/2 has window for it.
pub fn open<M: Message + Default + 'static>(
    messages: impl Iterator<Item = M> + Send + 'static,
) -> Outgoing {
    let encoder = Codec::<M, M>::default().encoder();
    let messages = tokio_stream::iter(messages).map(Ok);
    Outgoing::Open(Body::new(EncodeBody::new_client(encoder, messages, None, None)))
}

/// The calls that were refused without being processed, and those of them that were sent again.
#[derive(Debug, Clone, Default)]
pub struct RetryLog(Arc<Mutex<Refusals>>);

#[derive(Debug, Default)]
struct Refusals {
    sent_again: usize,
    /// In HTTP/2's words.
    first: Option<String>,
}

impl RetryLog {
    fn refused(&self, refusal: String) {
        self.lock().first.get_or_insert(refusal);
    }

    fn sent_again(&self) {
        self.lock().sent_again += 1;
    }

    /// How many calls were sent again, and, in HTTP/2's words, what had refused the first of them.
    pub fn read(&self) -> (usize, Option<String>) {
        let refusals = self.lock();
        (refusals.sent_again, refusals.first.clone().filter(|_| refusals.sent_again > 0))
    }

    /// What refused the first call, if none was sent again.
    pub fn in_vain(&self) -> Option<String> {
        let refusals = self.lock();
        refusals.first.clone().filter(|_| refusals.sent_again == 0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Refusals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happens to a call that the server refuses without processing it. The list is complete, so the enum is
/// exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It is made once more, on another connection.
    IsSentAgain,
    /// It has failed: the refusal is what its caller asked for.
    HasFailed,
}

/// What all attempts of a call share.
#[derive(Debug)]
pub struct Rpc<'a> {
    /// The source of other connections.
    pub connections: &'a ConnectionPool,
    /// When the first attempt was sent, and when the last was done.
    pub stamps: &'a Stamps,
    /// Records that the call was made again.
    pub retried: &'a RetryLog,
    /// The limits of its answer.
    pub limits: AnswerLimits,
}

impl Rpc<'_> {
    /// Makes the call with the request that `request` makes for each attempt, and waits for the head of its
    /// answer.
    ///
    /// # Errors
    /// If the call fails before that.
    ///
    /// # Cancel safety
    /// The call is reset, and a connection that is being opened is dropped.
    pub fn begin(
        &self,
        permit: StreamPermit,
        request: impl Fn() -> (Request<()>, Outgoing),
    ) -> impl Future<Output = Result<Answers, Status>> {
        self.begin_with(permit, request, Refused::IsSentAgain)
    }

    /// The same, with a choice of what happens to a call that the server refuses without processing it.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    ///
    /// # Cancel safety
    /// As [`begin`](Self::begin).
    pub async fn begin_with(
        &self,
        mut permit: StreamPermit,
        request: impl Fn() -> (Request<()>, Outgoing),
        if_refused: Refused,
    ) -> Result<Answers, Status> {
        let timer = self.connections.timer();
        let (mut refused, mut unsent) = (None::<h2::Error>, 0);
        let why = loop {
            let connection = Arc::clone(permit.connection());
            let (head, body) = request();
            let is_again = refused.is_some();
            let on_sent = || {
                if is_again {
                    self.retried.sent_again();
                }
            };
            match permit.send(head, body, self.stamps, on_sent).await {
                Ok((response, hold)) => {
                    return Answers::begin(Incoming::new(response, self.limits), hold, timer).await;
                }
                Err(SendError::NotSent(_)) if unsent < MOST_UNSENT => unsent += 1,
                Err(SendError::Unprocessed(error))
                    if if_refused == Refused::IsSentAgain && !is_again =>
                {
                    self.retried.refused(refusal(&error));
                    refused = Some(error);
                }
                Err(SendError::NotSent(error)) => {
                    break unsent_status(refused.as_ref(), from_h2(&error));
                }
                Err(why) => break Status::from(why),
            }
            permit = match self.connections.permit_apart_from(&connection).await {
                Ok(permit) => permit,
                Err(error) => {
                    let why = Status::unavailable(error.to_string());
                    break unsent_status(refused.as_ref(), why);
                }
            };
        };
        self.stamps.set_done(timer.now());
        Err(why)
    }
}

/// The status of a call that could not be sent, or not sent again after it was `refused`.
fn unsent_status(refused: Option<&h2::Error>, why: Status) -> Status {
    let Some(refused) = refused else { return why };
    let (refused, why) = (sentence(refused), why.message());
    Status::unavailable(format!("{refused}; no other connection could be opened: {why}"))
}

/// The answers of a call, as they arrive. Dropping them before the end resets the call.
#[derive(Debug)]
pub struct Answers {
    incoming: Incoming,
    hold: Hold,
}

impl Answers {
    async fn begin(
        incoming: Result<Incoming, Status>,
        mut hold: Hold,
        timer: &Timer,
    ) -> Result<Self, Status> {
        let why = match incoming {
            Ok(incoming) if !incoming.is_page() => return Ok(Self { incoming, hold }),
            Ok(page) => page_status(page, timer).await,
            Err(status) => status,
        };
        hold.end();
        Err(why)
    }

    /// The next answer; [`None`] once the call has ended well.
    ///
    /// # Errors
    /// How the call failed.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, Status> {
        let came = poll_fn(|cx| self.incoming.poll_message(cx)).await;
        let came = came.map_err(|why| match why {
            AnswerError::Said(status) => status,
            AnswerError::Broken(error) => self.hold.broken(&error),
        });
        let decoded = came.and_then(|message| message.map(decoded).transpose());
        if !matches!(decoded, Ok(Some(_))) {
            self.hold.end();
        }
        decoded
    }
}

/// Decodes a message of the contract.
///
/// # Errors
/// If the bytes are not that message.
pub fn decoded<M: Message + Default>(message: Bytes) -> Result<M, Status> {
    M::decode(message).map_err(|error| {
        Status::internal(format!("a message is not the protobuf of this RPC's answer: {error}"))
    })
}

/// The error that ends an exchange whose server answers a message that was not sent.
pub fn answered_unsent(id: u64) -> Status {
    Status::internal(format!("the server answered message {id}, which was not sent"))
}

/// The error that ends an exchange whose server answers a message more than once.
pub fn answered_twice(id: u64) -> Status {
    Status::internal(format!("the server answered message {id} twice"))
}
