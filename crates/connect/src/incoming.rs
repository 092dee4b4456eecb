//! An answer as it arrives over HTTP/2.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http::Response;
use longsync_timer::Timer;
use tonic::Status;

use crate::answer::{AnswerLimits, Reader};
use crate::status::from_h2;
use crate::unfinished::UnfinishedBytes;

/// How long to wait for the rest of an answer that is not gRPC: it is needed only for a sentence.
pub const PAGE_PATIENCE: Duration = Duration::from_secs(1);

/// An answer whose head has arrived.
#[derive(Debug)]
pub struct Incoming {
    stream: RecvStream,
    reader: Reader,
    /// Bytes for which the window has not been returned to the peer.
    kept: usize,
    /// Bytes of a message that is not complete.
    unfinished: UnfinishedBytes,
}

/// How a call failed after its answer had begun. There is no other way: exhaustive.
#[derive(Debug)]
pub enum AnswerError {
    /// As the answer itself reports.
    Said(Status),
    /// HTTP/2 ended the answer, or its connection.
    Broken(h2::Error),
}

impl From<Status> for AnswerError {
    fn from(status: Status) -> Self {
        Self::Said(status)
    }
}

impl Incoming {
    /// Reads the head.
    ///
    /// # Errors
    /// If the head reports that the call has failed.
    pub fn new(response: Response<RecvStream>, limits: AnswerLimits) -> Result<Self, Status> {
        let (head, stream) = response.into_parts();
        let reader = Reader::new(head.status, &head.headers, limits)?;
        Ok(Self { stream, reader, kept: 0, unfinished: UnfinishedBytes::default() })
    }

    /// Whether the answer is not gRPC, in which case it ends in an error.
    pub fn is_page(&self) -> bool {
        self.reader.is_page()
    }

    /// The next message; [`None`] once the call has ended well.
    ///
    /// # Errors
    /// How the call failed. Messages before the failure have been returned.
    #[inline]
    pub fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, AnswerError>> {
        loop {
            if let Some(message) = self.reader.message()? {
                return Poll::Ready(Ok(Some(message)));
            }
            if self.reader.is_full() {
                return Poll::Ready(Ok(self.conclude()?));
            }
            self.unfinished.set(self.reader.keep())?;
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(chunk)) => self.add(chunk),
                Some(Err(error)) => return Poll::Ready(self.broken(error)),
                None => break,
            }
        }
        Poll::Ready(match ready!(self.stream.poll_trailers(cx)) {
            Ok(trailers) => {
                self.reader.end(trailers.as_ref()).map(|()| None).map_err(AnswerError::Said)
            }
            Err(error) => self.broken(error),
        })
    }

    /// How the call ended, if nothing more is to be waited for.
    pub fn conclude<T>(&self) -> Result<Option<T>, Status> {
        self.reader.end(None).map(|()| None)
    }

    /// A page that was cut short is reported as far as it arrived.
    fn broken<T>(&self, error: h2::Error) -> Result<Option<T>, AnswerError> {
        if self.is_page() { Ok(self.conclude()?) } else { Err(AnswerError::Broken(error)) }
    }

    /// An answer of one chunk fits its stream's window, and returns the connection's window when it is
    /// dropped; asking HTTP/2 to return it would cost each small answer more than that.
    #[inline]
    fn add(&mut self, chunk: Bytes) {
        let is_first = self.kept == 0;
        self.kept += chunk.len();
        if !is_first {
            // It fails only for more bytes than were received.
            let _ = self.stream.flow_control().release_capacity(self.kept);
            self.kept = 0;
        }
        self.reader.add(chunk);
    }
}

/// How a call whose answer is not gRPC ended. The rest of that answer is waited for briefly.
pub(crate) async fn page_status(mut page: Incoming, timer: &Timer) -> Status {
    let ended = tokio::select! {
        biased;
        ended = poll_fn(|cx| page.poll_message(cx)) => Some(ended),
        _ = timer.sleep(PAGE_PATIENCE) => None,
    };
    match ended.unwrap_or_else(|| page.conclude().map_err(AnswerError::Said)) {
        Err(AnswerError::Said(status)) => status,
        Err(AnswerError::Broken(error)) => from_h2(&error),
        Ok(_) => Status::internal("an answer that is not gRPC ended without an error"),
    }
}
