//! One answer, as far as it was read.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{ResponseFuture, SendRequest};

use super::answer::Ending;
use super::request::Template;

/// How far an answer was read.
#[derive(Debug)]
pub(super) enum Reading {
    Head(ResponseFuture),
    /// Boxed, for few answers come in parts.
    Body(Box<Body>),
}

/// An answer of which the head has come.
#[derive(Debug)]
pub(super) struct Body {
    stream: RecvStream,
    first: Bytes,
    rest: Vec<u8>,
}

/// HTTP/2 opens no more streams on a connection.
#[derive(Debug)]
pub(super) struct Unopened;

impl Reading {
    /// Sends the call with this number, and has `cx` woken by its answer.
    pub(super) fn begin(
        sender: &mut SendRequest<Bytes>,
        template: &Template,
        number: u64,
        cx: &mut Context<'_>,
    ) -> Result<Self, Unopened> {
        let opened = sender.send_request(template.head(), false);
        let (response, mut stream) = opened.map_err(|_| Unopened)?;
        stream.send_data(template.body(number), true).map_err(|_| Unopened)?;
        let mut reading = Self::Head(response);
        // From here on HTTP/2 knows whom to wake. It has no answer yet, unless the connection is lost.
        match reading.poll(cx) {
            Poll::Pending => Ok(reading),
            Poll::Ready(_) => Err(Unopened),
        }
    }

    /// Reads on; ready when the answer is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        let response = match self {
            Self::Body(body) => return body.poll(cx),
            Self::Head(response) => ready!(Pin::new(response).poll(cx)),
        };
        let response = match response {
            Ok(response) => response,
            Err(error) => return Poll::Ready(Ending::of_h2(&error)),
        };
        if let Some(ending) = Ending::of_http(&response) {
            return Poll::Ready(ending);
        }
        let (head, stream) = response.into_parts();
        if stream.is_end_stream() {
            return Poll::Ready(Ending::of(&head.headers, &[]));
        }
        let mut body = Body { stream, first: Bytes::new(), rest: Vec::new() };
        let polled = body.poll(cx);
        if polled.is_pending() {
            *self = Self::Body(Box::new(body));
        }
        polled
    }
}

impl Body {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        while let Some(chunk) = ready!(self.stream.poll_data(cx)) {
            match chunk {
                Ok(chunk) if self.first.is_empty() => self.first = chunk,
                Ok(chunk) => self.add(&chunk),
                Err(error) => return Poll::Ready(Ending::of_h2(&error)),
            }
        }
        Poll::Ready(match ready!(self.stream.poll_trailers(cx)) {
            Ok(Some(trailers)) => Ending::of(&trailers, self.data()),
            Ok(None) => Ending::without_status(),
            Err(error) => Ending::of_h2(&error),
        })
    }

    /// Adds a second chunk, or a later one. An answer of one chunk is within its stream's window,
    /// and gives the connection's back when it is dropped.
    fn add(&mut self, chunk: &[u8]) {
        let mut taken = chunk.len();
        if self.rest.is_empty() {
            self.rest.extend_from_slice(&self.first);
            taken += self.first.len();
        }
        self.rest.extend_from_slice(chunk);
        // It only fails for more than was received.
        let _ = self.stream.flow_control().release_capacity(taken);
    }

    fn data(&self) -> &[u8] {
        if self.rest.is_empty() { &self.first } else { &self.rest }
    }
}
