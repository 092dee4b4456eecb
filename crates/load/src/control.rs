//! How a run is ended from outside, and seen.

use tokio_util::sync::CancellationToken;

use crate::progress::RunProgress;

/// How a run is ended from outside, and how far it is. Clones control the same run.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// No call that is due after this is cancelled is made, and those in flight get their grace: a run that was
    /// healthy is so in its report.
    pub stop: CancellationToken,
    /// Nothing is waited for any more: calls in flight are unfinished.
    pub end: CancellationToken,
    /// How far it is.
    pub progress: RunProgress,
}
