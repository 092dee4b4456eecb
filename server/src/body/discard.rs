//! The rest of a request that nobody waits for.

use std::time::Duration;

use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use longsync_timer::Sleep;
use tokio::runtime::Handle;

/// How long the rest is read.
pub(crate) const DISCARD_TIME: Duration = Duration::from_millis(500);

/// Lets the rest of a request that was answered before its end come in, until it is `enough`. Frames
/// that meet a stream which we have left are errors to HTTP/2, and a client that causes many of them,
/// by no fault of its own, would lose its connection with all its calls.
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
