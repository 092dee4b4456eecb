//! What is kept of answers that are not whole yet: bounded for all calls of the process together, since
//! each of them may promise a message as large as any.

use std::sync::atomic::{AtomicUsize, Ordering};

use longsync_text::grouped;
use tonic::Status;

/// How many bytes all calls of the process together keep of answers that are not whole yet: 256 MiB.
pub const UNFINISHED_BYTES: usize = 256 * 1024 * 1024;

static ALL: AtomicUsize = AtomicUsize::new(0);

/// How many of them one answer keeps, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(usize);

impl Unfinished {
    /// From now on it keeps this many bytes.
    ///
    /// # Errors
    /// When all together would keep too many.
    #[inline]
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), Status> {
        if bytes == self.0 { Ok(()) } else { self.change(bytes) }
    }

    fn change(&mut self, bytes: usize) -> Result<(), Status> {
        let others = ALL.fetch_sub(self.0, Ordering::Relaxed) - self.0;
        self.0 = 0;
        // Those of other threads may come between: then they are over it by what comes in one piece.
        if others.saturating_add(bytes) > UNFINISHED_BYTES {
            return Err(Status::resource_exhausted(format!(
                "the answers that are not whole yet have {} bytes, and no more are kept of those of \
                 all calls together: make fewer calls at a time, or ask for smaller answers",
                grouped(UNFINISHED_BYTES as u64)
            )));
        }
        ALL.fetch_add(bytes, Ordering::Relaxed);
        self.0 = bytes;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.0 > 0 {
            ALL.fetch_sub(self.0, Ordering::Relaxed);
        }
    }
}
