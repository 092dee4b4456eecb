//! The alarm of systems without timerfd: tokio's timer.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{Sleep, sleep_until};

#[derive(Debug, Clone)]
pub(crate) struct Alarm(Arc<Setting>);

#[derive(Debug)]
struct Setting {
    origin: Instant,
    at: Mutex<Option<Instant>>,
    changed: Notify,
}

#[derive(Debug)]
pub(crate) struct Bell {
    setting: Arc<Setting>,
    sleep: Pin<Box<Sleep>>,
}

pub(super) fn new(origin: Instant) -> (Alarm, Bell) {
    let setting = Setting { origin, at: Mutex::new(None), changed: Notify::new() };
    let setting = Arc::new(setting);
    let sleep = Box::pin(sleep_until(origin.into()));
    (Alarm(Arc::clone(&setting)), Bell { setting, sleep })
}

impl Alarm {
    pub(super) fn set(&self, at: u64) {
        // An alarm past the end of the clock never rings.
        let at = self.0.origin.checked_add(Duration::from_nanos(at));
        *self.0.at.lock().unwrap_or_else(PoisonError::into_inner) = at;
        self.0.changed.notify_one();
    }
}

impl Bell {
    pub(super) async fn rings(&mut self) {
        loop {
            let mut changed = pin!(self.setting.changed.notified());
            let at = *self.setting.at.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = at {
                self.sleep.as_mut().reset(at.into());
            }
            let has_rung = poll_fn(|cx| {
                if at.is_some() && self.sleep.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(true);
                }
                changed.as_mut().poll(cx).map(|()| false)
            });
            if has_rung.await {
                *self.setting.at.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return;
            }
        }
    }
}
