//! A call's request as the generated service reads it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::call::Call;
use crate::intake::{Arrived, BoxError, Intake};

/// The messages that have arrived whole and were not taken yet, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<VecDeque<Arrived>>>);

impl Inbox {
    /// The message that was decoded just now, of which `kept` bytes stay in memory.
    pub(crate) fn take(&self, call: &Call, kept: u64) -> Arrived {
        let oldest = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let arrived = oldest.unwrap_or_else(|| Arrived { at: call.now(), bytes: kept });
        call.release(arrived.bytes.saturating_sub(kept));
        arrived
    }
}

/// The request body of a gRPC call, which notes when its messages arrived.
#[derive(Debug)]
pub(crate) struct RequestBody {
    intake: Intake,
    inbox: Inbox,
}

impl RequestBody {
    pub(crate) fn new(intake: Intake, inbox: Inbox) -> Self {
        Self { intake, inbox }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { intake, inbox } = &mut *self;
        intake.poll_frame(cx, |arrived| {
            inbox.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(arrived);
        })
    }

    fn is_end_stream(&self) -> bool {
        self.intake.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.intake.size_hint()
    }
}
