//! The alarm that wakes a driver at a given time: one for all waits, set to the earliest.
//!
//! An alarm comes in two halves. Any thread that adds a wait sets the [`Alarm`]; the driver waits for
//! the [`Bell`]. An alarm may ring needlessly, and is then set again.

mod portable;
#[cfg(target_os = "linux")]
mod timerfd;

use std::time::Instant;

/// How an alarm is implemented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlarmKind {
    /// A file descriptor that becomes readable at a given time, to the nanosecond.
    #[cfg(target_os = "linux")]
    TimerFd,
    /// tokio's own timer, which rounds up to the next millisecond.
    #[cfg_attr(
        all(target_os = "linux", not(test)),
        expect(dead_code, reason = "used only on systems without timerfd, and in tests")
    )]
    Portable,
}

impl AlarmKind {
    /// The most precise kind that the system has.
    #[cfg(target_os = "linux")]
    pub(crate) const NATIVE: Self = Self::TimerFd;
    /// The most precise kind that the system has.
    #[cfg(not(target_os = "linux"))]
    pub(crate) const NATIVE: Self = Self::Portable;

    /// All kinds that this system supports.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) const ALL: &[Self] = &[Self::TimerFd, Self::Portable];
    /// All kinds that this system supports.
    #[cfg(all(test, not(target_os = "linux")))]
    pub(crate) const ALL: &[Self] = &[Self::Portable];
}

/// The half that is set. Clones set the same alarm.
#[derive(Debug, Clone)]
pub(crate) enum Alarm {
    #[cfg(target_os = "linux")]
    TimerFd(timerfd::Alarm),
    Portable(portable::Alarm),
}

/// The half that rings.
#[derive(Debug)]
pub(crate) enum Bell {
    #[cfg(target_os = "linux")]
    TimerFd(timerfd::Bell),
    Portable(portable::Bell),
}

/// Makes an alarm on the current runtime. Its times are counted from `origin`.
///
/// If there is no file descriptor left, it is the portable one: a millisecond late is better than never.
///
/// # Panics
/// Outside a tokio runtime whose driver for this kind is enabled.
pub(crate) fn new(kind: AlarmKind, origin: Instant) -> (Alarm, Bell) {
    match kind {
        #[cfg(target_os = "linux")]
        AlarmKind::TimerFd => timerfd(origin).unwrap_or_else(|_| portable(origin)),
        AlarmKind::Portable => portable(origin),
    }
}

#[cfg(target_os = "linux")]
fn timerfd(origin: Instant) -> std::io::Result<(Alarm, Bell)> {
    let (alarm, bell) = timerfd::new(origin)?;
    Ok((Alarm::TimerFd(alarm), Bell::TimerFd(bell)))
}

fn portable(origin: Instant) -> (Alarm, Bell) {
    let (alarm, bell) = portable::new(origin);
    (Alarm::Portable(alarm), Bell::Portable(bell))
}

impl Alarm {
    /// Has the bell ring once, this many nanoseconds after the origin, instead of at the time to which it was
    /// set before.
    pub(crate) fn set(&self, at: u64) {
        match self {
            #[cfg(target_os = "linux")]
            Self::TimerFd(alarm) => alarm.set(at),
            Self::Portable(alarm) => alarm.set(at),
        }
    }
}

impl Bell {
    /// Waits until it rings.
    pub(crate) async fn rings(&mut self) {
        match self {
            #[cfg(target_os = "linux")]
            Self::TimerFd(bell) => bell.rings().await,
            Self::Portable(bell) => bell.rings().await,
        }
    }
}
