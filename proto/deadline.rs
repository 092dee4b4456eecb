//! How far apart the two ends of a call may place its deadline.

use std::time::Duration;

/// The smallest margin that [`margin`] returns.
pub const LEAST_MARGIN: Duration = Duration::from_millis(20);

/// How far apart the two ends of a call may place the end of its deadline: 1.1 % of the deadline, or
/// [`LEAST_MARGIN`] if that is longer.
///
/// Clients round `grpc-timeout` up: grpcio sends `1010m` for 1 s, but resets the call a few
/// milliseconds before the deadline passes on the server. The server starts counting when the
/// headers arrive, and its status takes time to travel back. A server therefore attributes a reset
/// within this margin to the deadline, and a client waits this much longer for the server's status,
/// which reports what the server saw.
pub fn margin(deadline: Duration) -> Duration {
    deadline.checked_mul(11).map_or(deadline, |eleven| eleven / 1_000).max(LEAST_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_margin_is_over_a_percent_and_at_least_20_ms() {
        for (deadline_ms, margin_ms) in [(0, 20), (1_000, 20), (2_000, 22), (3_600_000, 39_600)] {
            let margin = margin(Duration::from_millis(deadline_ms));
            assert_eq!(margin, Duration::from_millis(margin_ms));
        }
        assert_eq!(margin(Duration::MAX), Duration::MAX);
    }
}
