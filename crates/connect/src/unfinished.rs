//! The bytes that are kept of incomplete answers. They are bounded for all calls of the process together,
//! since each answer may announce a message of the maximum size.

use std::sync::atomic::{AtomicUsize, Ordering};

use longsync_text::grouped;
use tonic::Status;

/// The number of bytes of incomplete answers that all calls of the process which are read by
/// [`Incoming`](crate::incoming::Incoming) may keep together: 256 MiB. Calls through tonic's client are not
/// counted.
pub const UNFINISHED_BYTES: usize = 256 * 1024 * 1024;

static ALL: AtomicUsize = AtomicUsize::new(0);

/// The bytes that one answer keeps, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct UnfinishedBytes(usize);

impl UnfinishedBytes {
    /// Sets the number of bytes that this answer keeps from now on.
    ///
    /// # Errors
    /// If all answers together would keep too many.
    #[inline]
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), Status> {
        if bytes == self.0 { Ok(()) } else { self.change(bytes) }
    }

    fn change(&mut self, bytes: usize) -> Result<(), Status> {
        let more = bytes.saturating_sub(self.0);
        if ALL.fetch_add(more, Ordering::Relaxed).saturating_add(more) > UNFINISHED_BYTES {
            ALL.fetch_sub(more, Ordering::Relaxed);
            return Err(Status::resource_exhausted(format!(
                "unfinished answers would need more than the {} bytes that all calls may hold \
                 together: make fewer calls at a time, or ask for smaller answers",
                grouped(UNFINISHED_BYTES as u64)
            )));
        }
        ALL.fetch_sub(self.0.saturating_sub(bytes), Ordering::Relaxed);
        self.0 = bytes;
        Ok(())
    }
}

impl Drop for UnfinishedBytes {
    fn drop(&mut self) {
        if self.0 > 0 {
            ALL.fetch_sub(self.0, Ordering::Relaxed);
        }
    }
}
