//! Discards the rest of a request that is no longer needed.

use std::time::Duration;

use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use longsync_timer::Sleep;
use tokio::runtime::Handle;

/// How long the rest of a request is read.
pub(crate) const DISCARD_TIME: Duration = Duration::from_millis(500);

/// Reads and discards the rest of a request that was answered before its end, until `enough` elapses.
/// HTTP/2 treats frames for a stream that we have dropped as errors; a client that causes many of
/// them, through no fault of its own, would lose its connection and all its calls.
pub(crate) fn discard(mut rest: Incoming, enough: Sleep) {
    if rest.is_end_stream() {
        return;
    }
    let Ok(runtime) = Handle::try_current() else { return };
    runtime.spawn(async move {
        let reading = async { while let Some(Ok(_)) = rest.frame().await {} };
        tokio::select! {
            () = reading => {}
            _ = enough => {}
        }
    });
}
