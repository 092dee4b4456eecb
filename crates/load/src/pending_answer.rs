//! One answer, as far as it has been read.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use longsync_connect::incoming::{AnswerError, Incoming};

use crate::common::Common;
use crate::ending::Ending;
use crate::method::{CallNumber, Method};

/// How far an answer has been read; `A` is the part of it that is kept.
#[derive(Debug)]
pub(crate) enum PendingAnswer<A> {
    Head(ResponseFuture),
    /// Boxed, since few answers arrive in several parts.
    Body(Box<PendingBody<A>>),
}

/// An answer whose head has arrived, and the kept part of its messages.
#[derive(Debug)]
pub(crate) struct PendingBody<A> {
    incoming: Incoming,
    answer: A,
}

/// Whether the name of the server is taken from its next good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerName {
    Wanted,
    NotWanted,
}

/// The error that HTTP/2 opens no more streams on a connection.
#[derive(Debug)]
pub(crate) struct OpenStreamError;

impl<A: Default> PendingAnswer<A> {
    /// Sends the call with this number, and wakes `cx` when its answer arrives.
    pub(crate) fn begin<M: Method<Answer = A>, T>(
        sender: &mut SendRequest<Bytes>,
        common: &Common<M, T>,
        call: CallNumber,
        cx: &mut Context<'_>,
    ) -> Result<Self, OpenStreamError> {
        let opened = sender.send_request(common.head(), false);
        let (response, mut stream) = opened.map_err(|_| OpenStreamError)?;
        stream.send_data(common.method.messages(call), true).map_err(|_| OpenStreamError)?;
        let mut answer = Self::Head(response);
        // From here on HTTP/2 knows which task to wake. There is no answer yet, unless the connection is
        // lost.
        match answer.poll(common, ServerName::NotWanted, cx) {
            Poll::Pending => Ok(answer),
            Poll::Ready(_) => Err(OpenStreamError),
        }
    }

    /// Continues reading; ready when the answer is over, possibly because of the method's limits.
    pub(crate) fn poll<M: Method<Answer = A>, T>(
        &mut self,
        common: &Common<M, T>,
        server_name: ServerName,
        cx: &mut Context<'_>,
    ) -> Poll<Ending> {
        let response = match self {
            Self::Body(body) => return body.poll(&common.method, server_name, cx),
            Self::Head(response) => ready!(Pin::new(response).poll(cx)),
        };
        let response = match response {
            Ok(response) => response,
            Err(error) => return Poll::Ready(Ending::broken(&error)),
        };
        let mut body = match Incoming::new(response, common.limits) {
            Ok(incoming) => PendingBody { incoming, answer: A::default() },
            Err(status) => {
                let waits = common.method.failed(&status);
                return Poll::Ready(Ending::failed(status, waits));
            }
        };
        let polled = body.poll(&common.method, server_name, cx);
        if polled.is_pending() {
            *self = Self::Body(Box::new(body));
        }
        polled
    }
}

impl<A: Default> PendingBody<A> {
    fn poll<M: Method<Answer = A>>(
        &mut self,
        method: &M,
        server_name: ServerName,
        cx: &mut Context<'_>,
    ) -> Poll<Ending> {
        loop {
            match ready!(self.incoming.poll_message(cx)) {
                Ok(Some(message)) => method.received(&mut self.answer, message),
                // The number of messages is the expected one, otherwise this would be an error.
                Ok(None) => {
                    let answer = std::mem::take(&mut self.answer);
                    let server = match server_name {
                        ServerName::Wanted => method.server(&answer).map(String::into_boxed_str),
                        ServerName::NotWanted => None,
                    };
                    let read = method.answered(&answer);
                    let may_be_faulty = match &read {
                        Ok(Some(waits)) => waits.is_faulty,
                        // Implausible waits do not hide the fault beside them.
                        Ok(None) => true,
                        Err(_) => false,
                    };
                    let fault = if may_be_faulty { method.fault(&answer) } else { None };
                    return Poll::Ready(Ending::answered(read, server, fault));
                }
                // The page of a proxy, or of another program, is not a gRPC answer.
                Err(AnswerError::Said(status)) if self.incoming.is_page() => {
                    return Poll::Ready(Ending::foreign(status));
                }
                Err(AnswerError::Said(status)) => {
                    let waits = method.failed(&status);
                    return Poll::Ready(Ending::failed(status, waits));
                }
                Err(AnswerError::Broken(error)) => return Poll::Ready(Ending::broken(&error)),
            }
        }
    }
}
