//! The signals that ask a server to stop.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGTERM, and SIGHUP unless it was ignored when the program started.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Replaces the system's default action, which is to end the process.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: takes_hang_up().then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// Waits for one of these signals.
    pub(crate) async fn next(&mut self) {
        let Self { interrupt, terminate, hang_up } = self;
        let hang_up = async {
            match hang_up {
                Some(hang_up) => drop(hang_up.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = hang_up => {}
        }
    }
}

/// Whether to handle SIGHUP. If it is ignored, it must stay ignored: that is how `nohup` keeps a program
/// running when its terminal is closed.
#[cfg(unix)]
fn takes_hang_up() -> bool {
    // If the system does not report which signals are ignored, SIGHUP keeps its default: this is right under
    // `nohup`; otherwise the process ends at once.
    let status = std::fs::read_to_string("/proc/self/status");
    status.ok().and_then(|status| ignores_hang_up(&status)) == Some(false)
}

/// Parses Linux's `/proc/self/status`.
#[cfg(unix)]
fn ignores_hang_up(status: &str) -> Option<bool> {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    // The bit of signal 1 is the lowest.
    Some(u64::from_str_radix(ignored.trim(), 16).ok()? & 1 == 1)
}

/// Ctrl-C.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// The signal is handled from when it is first waited for.
    #[expect(clippy::unnecessary_wraps, reason = "the signature is the same as on other systems")]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the signal; forever if the system cannot deliver it.
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_tells_whether_hang_up_is_ignored() {
        for (status, expected) in [
            ("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n", Some(true)),
            ("SigIgn:\t0000000000001007\n", Some(true)),
            ("SigIgn:\t0000000000001006\n", Some(false)),
            ("SigCgt:\t0000000000000001\n", None),
            ("SigIgn:\tsoon\n", None),
        ] {
            assert_eq!(ignores_hang_up(status), expected, "{status}");
        }
    }
}
