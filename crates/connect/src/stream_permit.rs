//! The calls on a connection: each one uses a permit of its own.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::RecvStream;
use http::{Request, Response};
use longsync_timer::Timer;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::body::Body;
use tonic::client::GrpcService;

use crate::answer::{AnswerLimits, ExpectedMessages, PAGE_BYTES, Reader, sanitized};
use crate::body::{AnswerBody, Hold, Outgoing, Stamps, Start, send_rest};
use crate::connection::Connection;
use crate::incoming::{Incoming, page_status};
use crate::status::{from_h2, is_unprocessed};
use crate::streams::StreamSlot;

/// The right to one call on a connection. tonic's generated client calls through it, once.
#[derive(Debug)]
pub struct StreamPermit {
    connection: Arc<Connection>,
    slot: Option<StreamSlot>,
    stamps: Stamps,
}

/// Why a call does not even have the head of an answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// It was not sent: the connection had closed.
    NotSent(h2::Error),
    /// The server reports that it never processed the call.
    Unprocessed(h2::Error),
    /// It failed, and the server may have processed it.
    Failed(Status),
}

impl From<SendError> for Status {
    fn from(why: SendError) -> Self {
        match why {
            SendError::NotSent(error) | SendError::Unprocessed(error) => from_h2(&error),
            SendError::Failed(status) => status,
        }
    }
}

impl StreamPermit {
    /// When the call was sent and done, once it has been.
    pub fn stamps(&self) -> Stamps {
        self.stamps.clone()
    }

    /// The connection that will carry the call.
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Sends the request, stamped by `stamps`, and waits for the head of its answer. `on_sent` is called once
    /// HTTP/2 has taken the request.
    pub(crate) async fn send(
        mut self,
        head: Request<()>,
        body: Outgoing,
        stamps: &Stamps,
        on_sent: impl FnOnce(),
    ) -> Result<(Response<RecvStream>, Hold), SendError> {
        match self.slot.take() {
            Some(slot) => self.connection.send(head, body, slot, stamps, on_sent).await,
            None => Err(SendError::Failed(used())),
        }
    }
}

fn used() -> Status {
    Status::internal("this permit is for one call and has been used")
}

impl GrpcService<Body> for StreamPermit {
    type ResponseBody = AnswerBody;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Status>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(self.slot.as_ref().map(|_| ()).ok_or_else(used))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let slot = self.slot.take();
        let (connection, stamps) = (Arc::clone(&self.connection), self.stamps.clone());
        Box::pin(async move {
            let slot = slot.ok_or_else(used)?;
            let (head, body) = request.into_parts();
            let (head, body) = (Request::from_parts(head, ()), Outgoing::Open(body));
            let answered = connection.send(head, body, slot, &stamps, || {}).await;
            let answered = match answered {
                Ok((response, hold)) => for_tonic(response, hold, connection.timer()).await,
                Err(why) => Err(why.into()),
            };
            if answered.is_err() {
                stamps.set_done(connection.timer().now());
            }
            answered
        })
    }
}

/// An answer whose head and trailers can be read by tonic, which trusts its peers. An answer that is not gRPC
/// ends here.
async fn for_tonic(
    response: Response<RecvStream>,
    hold: Hold,
    timer: &Timer,
) -> Result<Response<AnswerBody>, Status> {
    // tonic has its own limit on messages.
    let limits = AnswerLimits {
        message_bytes: 0,
        expected: ExpectedMessages::Several(0),
        page_bytes: PAGE_BYTES,
    };
    let read = Reader::new(response.status(), response.headers(), limits);
    if read.is_ok_and(|reader| reader.is_page()) {
        return Err(page_status(Incoming::new(response, limits)?, timer).await);
    }
    let mut response = response.map(|stream| AnswerBody::new(stream, hold));
    *response.headers_mut() = sanitized(std::mem::take(response.headers_mut()));
    Ok(response)
}

impl Connection {
    /// A permit for one call, if the connection is open and its peer allows one more stream.
    pub fn permit(self: &Arc<Self>) -> Option<StreamPermit> {
        let slot = self.take_slot()?;
        Some(StreamPermit {
            connection: Arc::clone(self),
            slot: Some(slot),
            stamps: Stamps::default(),
        })
    }

    /// Sends a request, and waits for the head of its answer.
    async fn send(
        self: &Arc<Self>,
        head: Request<()>,
        body: Outgoing,
        slot: StreamSlot,
        stamps: &Stamps,
        on_sent: impl FnOnce(),
    ) -> Result<(Response<RecvStream>, Hold), SendError> {
        let start = Start::of(body).await.map_err(SendError::Failed)?;
        let mut sender = self.sender();
        poll_fn(|cx| sender.poll_ready(cx)).await.map_err(|error| self.not_sent(error))?;
        let now = self.timer().now();
        let is_all = matches!(start, Start::Whole(None));
        let sent = sender.send_request(head, is_all).map_err(|error| match self.lost() {
            Some(_) => self.not_sent(error),
            // No other connection would take it either.
            None => SendError::Failed(Status::internal(format!(
                "HTTP/2 cannot carry this request: {error}"
            ))),
        })?;
        let (response, mut stream) = sent;
        stamps.set_sent(now);
        on_sent();
        // If it fails, the stream has ended, and the reading side learns why.
        let mut deliver = |data: Option<Bytes>, is_end| {
            if let Some(data) = data {
                let _ = stream.send_data(data, is_end);
            }
        };
        let sending = match start {
            Start::Whole(data) => {
                deliver(data, true);
                None
            }
            Start::Open(data, rest) => {
                deliver(data, false);
                Some(AbortOnDropHandle::new(tokio::spawn(send_rest(rest, stream))))
            }
        };
        let hold = Hold::new(slot, sending, Arc::clone(self), stamps.clone());
        match response.await {
            Ok(response) => Ok((response, hold)),
            Err(error) if is_unprocessed(&error) => Err(SendError::Unprocessed(error)),
            Err(error) => Err(SendError::Failed(hold.broken(&error))),
        }
    }

    fn not_sent(&self, error: h2::Error) -> SendError {
        self.close();
        SendError::NotSent(error)
    }
}
