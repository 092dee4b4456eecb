//! The memory reserved for an HTTP/2 request that is not a call. A client may leave the answers to thousands
//! of such requests unread on a connection, and nothing else accounts for them.

use std::sync::Arc;

use crate::record::ConnectionRecord;

/// The assumed cost of such a request apart from the body of its answer: 64,000 of them on 4 connections took
/// 1.1 to 1.5 KiB each, whether they asked for an unknown path, asked for `/metrics`, or waited for a body.
const BYTES: u64 = 1536;

/// The memory reserved for one request; released on drop.
#[derive(Debug)]
pub(crate) struct Room {
    record: Arc<ConnectionRecord>,
    bytes: u64,
}

impl Room {
    /// Reserves the memory for one request. [`None`] if the connection, or all of them together, hold as much
    /// as they may.
    pub(crate) fn take(record: &Arc<ConnectionRecord>) -> Option<Self> {
        record.hold(BYTES).then(|| Self { record: Arc::clone(record), bytes: BYTES })
    }

    /// The same with room for an answer whose body has this many bytes; [`None`] if there is none.
    pub(crate) fn with_body(mut self, bytes: u64) -> Option<Self> {
        self.record.hold(bytes).then(|| {
            self.bytes += bytes;
            self
        })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.record.release(self.bytes);
    }
}
