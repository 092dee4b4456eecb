//! Linux's alarm. Unlike `epoll_wait` and `nanosleep`, a timerfd is not given 50 us of slack.

use std::future;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[derive(Debug, Clone)]
pub(crate) struct Alarm(Arc<TimerFd>);

#[derive(Debug)]
pub(crate) struct Bell(AsyncFd<Arc<TimerFd>>);

#[derive(Debug)]
struct TimerFd {
    fd: OwnedFd,
    /// The clock's reading at the origin: std's instants contain it, but do not reveal it.
    origin: Timespec,
}

impl AsRawFd for TimerFd {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

pub(super) fn new(origin: Instant) -> io::Result<(Alarm, Bell)> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    // With the clocks read in this order, the alarm is set a few nanoseconds late; set early, it would ring
    // in vain.
    let elapsed = origin.elapsed();
    let origin = before(clock_gettime(ClockId::Monotonic), elapsed);
    let alarm = Arc::new(TimerFd { fd, origin });
    #[expect(
        deprecated,
        reason = "its replacement is unsafe to call; the descriptor is owned here"
    )]
    let bell = AsyncFd::with_interest(Arc::clone(&alarm), Interest::READABLE)?;
    Ok((Alarm(alarm), Bell(bell)))
}

impl Alarm {
    pub(super) fn set(&self, at: u64) {
        let alarm = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: after(self.0.origin, Duration::from_nanos(at)),
        };
        timerfd_settime(&self.0.fd, TimerfdTimerFlags::ABSTIME, &alarm)
            .expect("a timerfd accepts every time after it was made");
    }
}

impl Bell {
    pub(super) async fn rings(&mut self) {
        match self.0.readable().await {
            // The count of expirations is not read: setting the timer again clears it, and each
            // expiration reports readiness anew.
            Ok(mut ring) => ring.clear_ready(),
            // The runtime is about to drop this task.
            Err(_) => future::pending().await,
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    let tv_sec = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec, tv_nsec: duration.subsec_nanos().into() }
}

fn after(time: Timespec, duration: Duration) -> Timespec {
    const FAR: Timespec = Timespec { tv_sec: i64::MAX, tv_nsec: 0 };
    time.checked_add(timespec(duration)).unwrap_or(FAR)
}

fn before(time: Timespec, duration: Duration) -> Timespec {
    time.checked_sub(timespec(duration)).unwrap_or(time)
}
