//! One answer, as far as it was read.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};

use super::answer::Ending;
use super::run::Run;
use crate::answer::Limits;
use crate::incoming::{Failed, Incoming};

/// How far an answer was read.
#[derive(Debug)]
pub(super) enum Reading {
    Head(ResponseFuture),
    /// Boxed, for few answers come in parts.
    Body(Box<Body>),
}

/// An answer of which the head has come, and its message as soon as that is whole.
#[derive(Debug)]
pub(super) struct Body {
    incoming: Incoming,
    message: Option<Bytes>,
}

/// HTTP/2 opens no more streams on a connection.
#[derive(Debug)]
pub(super) struct Unopened;

impl Reading {
    /// Sends the call with this number, and has `cx` woken by its answer.
    pub(super) fn begin(
        sender: &mut SendRequest<Bytes>,
        run: &Run,
        number: u64,
        cx: &mut Context<'_>,
    ) -> Result<Self, Unopened> {
        let opened = sender.send_request(run.template.head(), false);
        let (response, mut stream) = opened.map_err(|_| Unopened)?;
        stream.send_data(run.template.body(number), true).map_err(|_| Unopened)?;
        let mut reading = Self::Head(response);
        // From here on HTTP/2 knows whom to wake. It has no answer yet, unless the connection is lost.
        match reading.poll(run.limits, cx) {
            Poll::Pending => Ok(reading),
            Poll::Ready(_) => Err(Unopened),
        }
    }

    /// Reads on; ready when the answer is over, which may be as the run's limits have it.
    pub(super) fn poll(&mut self, limits: Limits, cx: &mut Context<'_>) -> Poll<Ending> {
        let response = match self {
            Self::Body(body) => return body.poll(cx),
            Self::Head(response) => ready!(Pin::new(response).poll(cx)),
        };
        let response = match response {
            Ok(response) => response,
            Err(error) => return Poll::Ready(Ending::of_h2(&error)),
        };
        let mut body = match Incoming::new(response, limits) {
            Ok(incoming) => Body { incoming, message: None },
            Err(status) => return Poll::Ready(Ending::failed(&status)),
        };
        let polled = body.poll(cx);
        if polled.is_pending() {
            *self = Self::Body(Box::new(body));
        }
        polled
    }
}

impl Body {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        loop {
            match ready!(self.incoming.poll_message(cx)) {
                Ok(Some(message)) => self.message = Some(message),
                // One message has come, or this would be an error.
                Ok(None) => {
                    return Poll::Ready(Ending::answered(&self.message.take().unwrap_or_default()));
                }
                Err(Failed::Said(status)) => return Poll::Ready(Ending::failed(&status)),
                Err(Failed::Broken(error)) => return Poll::Ready(Ending::broken(&error)),
            }
        }
    }
}
