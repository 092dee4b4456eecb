//! Runs hyper's own waits, for the heads of HTTP/1.1 requests, on our timer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use longsync_timer::Sleep;

use crate::record::ConnectionRecord;

/// The timer of one connection.
///
/// hyper starts to wait for a head as soon as the previous answer is out. An idle connection may last
/// indefinitely, however: here the time runs from the first byte of the head.
#[derive(Debug, Clone)]
pub(crate) struct HttpTimer {
    record: Arc<ConnectionRecord>,
    /// Whether the next wait is the first, whose head begins with the bytes that told us the protocol.
    is_first: Arc<AtomicBool>,
}

impl HttpTimer {
    pub(crate) fn new(record: &Arc<ConnectionRecord>) -> Self {
        Self { record: Arc::clone(record), is_first: Arc::new(AtomicBool::new(true)) }
    }
}

impl hyper::rt::Timer for HttpTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        if !self.is_first.swap(false, Ordering::Relaxed) {
            self.record.expect_head();
        }
        self.record.awaits_head(true);
        let timer = self.record.worker().timer();
        Box::pin(HeadSleep {
            period: deadline.saturating_duration_since(timer.now()),
            sleep: Box::pin(timer.sleep_until(deadline)),
            record: Arc::clone(&self.record),
        })
    }

    fn now(&self) -> Instant {
        self.record.worker().timer().now()
    }
}

/// A wait for a head. hyper drops it when the head has arrived.
struct HeadSleep {
    period: Duration,
    sleep: Pin<Box<Sleep>>,
    record: Arc<ConnectionRecord>,
}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let timer = this.record.worker().timer();
        loop {
            ready!(this.sleep.as_mut().poll(cx));
            let now = timer.now();
            let due = match this.record.head_began() {
                Some(began) => began + this.period,
                None => now + this.period,
            };
            if due <= now || this.record.worker().is_drained() {
                return Poll::Ready(());
            }
            this.sleep = Box::pin(timer.sleep_until(due));
        }
    }
}

impl Drop for HeadSleep {
    fn drop(&mut self) {
        self.record.awaits_head(false);
    }
}

impl hyper::rt::Sleep for HeadSleep {}
