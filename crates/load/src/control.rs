//! How a run is ended from outside, and its progress read.

use tokio_util::sync::CancellationToken;

use crate::progress::RunProgress;

/// Ends a run from outside, and reads its progress. Clones control the same run.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// When this is cancelled, calls that are due later are not made, and those in flight get their grace: a
    /// run that was healthy until then is healthy in its report.
    pub stop: CancellationToken,
    /// When this is cancelled, nothing is waited for any more: calls in flight are unfinished.
    pub end: CancellationToken,
    /// The progress of the run.
    pub progress: RunProgress,
}
