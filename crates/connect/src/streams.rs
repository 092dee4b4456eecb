//! How many streams a connection carries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of a connection's open streams.
#[derive(Debug, Default)]
pub(crate) struct Streams(Arc<AtomicUsize>);

impl Streams {
    /// A slot for one more stream, if that makes at most `limit`.
    pub(crate) fn take(&self, limit: usize) -> Option<StreamSlot> {
        let more = |open: usize| (open < limit).then_some(open + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(StreamSlot(Arc::clone(&self.0)))
    }
}

/// A slot among the streams of a connection, returned when it is dropped.
#[derive(Debug)]
pub(crate) struct StreamSlot(Arc<AtomicUsize>);

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_was_returned_can_be_taken_again() {
        let streams = Streams::default();
        let (first, second) = (streams.take(2), streams.take(2));
        assert!(first.is_some() && second.is_some() && streams.take(2).is_none());
        drop(first);
        assert!(streams.take(2).is_some());
    }

    #[test]
    fn a_lowered_limit_is_respected() {
        let streams = Streams::default();
        let _slots = [streams.take(3), streams.take(3)];
        assert!(streams.take(1).is_none());
    }
}
