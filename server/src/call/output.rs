//! Counts the bytes of a call's answers that HTTP has.

use std::sync::atomic::Ordering;
use std::task::{Context, Waker};

use super::Call;

impl Call {
    /// Counts bytes that are handed to HTTP.
    pub(crate) fn hand_over(&self, bytes: u32) {
        self.handed_over.store(self.handed_over() + bytes, Ordering::Relaxed);
        self.record.handed_over(bytes.into());
    }

    /// How many of the bytes that were handed over are not yet encoded for the socket.
    pub(crate) fn handed_over(&self) -> u32 {
        self.handed_over.load(Ordering::Relaxed)
    }

    /// Counts bytes that were encoded.
    pub(crate) fn encoded(&self, bytes: u32) {
        let left = self.handed_over() - bytes;
        self.handed_over.store(left, Ordering::Relaxed);
        self.record.encoded(bytes.into());
        if self.holds_answers() {
            self.release(bytes.into());
        }
        if left == 0 && self.waits_for_encoder.load(Ordering::Relaxed) {
            self.waits_for_encoder.store(false, Ordering::Relaxed);
            let waiting = self.state().encoder.take();
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Counts bytes that were discarded, so that the client will not get them.
    pub(crate) fn thrown_away(&self, bytes: u32) {
        self.client_gone();
        self.encoded(bytes);
    }

    /// Arranges for the task to be woken when all of them are encoded.
    pub(crate) fn wait_for_encoder(&self, cx: &Context<'_>) {
        self.state().encoder = Some(cx.waker().clone());
        self.waits_for_encoder.store(true, Ordering::Relaxed);
    }

    /// Whether the windows would certainly let out the first `bytes` of an answer if they were handed over
    /// now.
    pub(crate) fn would_be_allowed(&self, bytes: u64) -> bool {
        self.record.would_allow(bytes)
    }

    /// Whether the windows certainly let out an answer of which `bytes` were handed over in total.
    pub(crate) fn is_allowed(&self, bytes: u64) -> bool {
        self.record.allows(bytes)
    }
}
