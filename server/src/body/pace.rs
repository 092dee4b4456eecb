//! The pace of an answer whose delivery is planned to be slow, or to end late.

use std::future::Future as _;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use longsync_timer::{Sleep, WakeReason};

use crate::call::Call;
use crate::call::fault::Delivery;

/// The time in which one piece of a slow answer is sent. Only at less than a byte in this time does a piece,
/// which is then one byte, take longer.
const PIECE_TIME_NS: u64 = 10_000_000;
/// How much of the time in which nothing could be sent is made up for: not more than one piece.
const CREDIT: Duration = Duration::from_nanos(PIECE_TIME_NS);

/// Paces one answer.
#[derive(Debug)]
pub(crate) struct Pace {
    delivery: Delivery,
    /// When the first byte was ready, or the first one after a pause.
    began: Option<Instant>,
    /// How many bytes were sent since then.
    sent: u64,
    /// Whether nothing could be sent for a while, because there was nothing, or because of the client.
    is_paused: bool,
    /// The answer ends once this is over.
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether the drain has ended all waits: then nothing waits any more.
    is_over: bool,
}

impl Pace {
    pub(crate) fn new(delivery: Delivery) -> Self {
        Self { delivery, began: None, sent: 0, is_paused: false, sleep: None, is_over: false }
    }

    /// Whether the end of the answer comes later than its last byte.
    pub(crate) fn ends_later(&self) -> bool {
        matches!(self.delivery, Delivery::EndsLater(_))
    }

    /// Called when nothing more can be sent for now.
    pub(crate) fn pause(&mut self) {
        self.is_paused = true;
    }

    /// How many of the next bytes, of which there are `left`, go out now; at least one. A piece goes out when
    /// its last byte is due, so that no byte is early.
    pub(crate) fn poll_piece(
        &mut self,
        left: usize,
        call: &Call,
        cx: &mut Context<'_>,
    ) -> Poll<usize> {
        let Delivery::At(rate) = self.delivery else { return Poll::Ready(left) };
        if mem::take(&mut self.is_paused)
            && let Some(began) = self.began
            && call.now() > began + Duration::from_nanos(rate.nanos_for(self.sent)) + CREDIT
        {
            (self.began, self.sent) = (None, 0);
        }
        let began = *self.began.get_or_insert_with(|| call.now());
        let piece = rate.bytes_in(PIECE_TIME_NS).clamp(1, left as u64);
        let due = began.checked_add(Duration::from_nanos(rate.nanos_for(self.sent + piece)));
        let Some(due) = due else { return Poll::Pending };
        ready!(self.poll_until(due, call, cx));
        let piece = if self.is_over { left as u64 } else { piece };
        self.sent += piece;
        Poll::Ready(usize::try_from(piece).unwrap_or(left))
    }

    /// Ready when the answer, all of whose bytes have gone out, may end.
    pub(crate) fn poll_end(&mut self, call: &Call, cx: &mut Context<'_>) -> Poll<()> {
        let Delivery::EndsLater(by) = self.delivery else { return Poll::Ready(()) };
        let began = *self.began.get_or_insert_with(|| call.now());
        match began.checked_add(by) {
            Some(due) => self.poll_until(due, call, cx),
            None => Poll::Pending,
        }
    }

    fn poll_until(&mut self, due: Instant, call: &Call, cx: &mut Context<'_>) -> Poll<()> {
        while !self.is_over {
            let now = call.now();
            if now >= due {
                self.sleep = None;
                return Poll::Ready(());
            }
            match &mut self.sleep {
                Some(sleep) if sleep.due() == due => {
                    self.is_over = ready!(sleep.as_mut().poll(cx)) == WakeReason::Fired;
                }
                place => match call.sleep_until(due) {
                    Some(sleep) => *place = Some(Box::pin(sleep)),
                    None => self.is_over = true,
                },
            }
        }
        Poll::Ready(())
    }
}
