//! How closely the two sides of a call agree on its deadline.

use std::time::Duration;

/// The least that [`margin`] gives.
pub const LEAST_MARGIN: Duration = Duration::from_millis(20);

/// How far apart the two ends of a call may take its deadline to be over: 1.1 % of it, or
/// [`LEAST_MARGIN`] if that is more.
///
/// Clients round `grpc-timeout` up: grpcio sends `1010m` for 1 s, and then resets some milliseconds
/// before the server's copy of the deadline. The server's copy begins when the headers arrive there,
/// and its status takes time to travel back. So a server takes a reset within this margin of the
/// deadline for the deadline's own, and a client waits this much longer for the server's own status,
/// which says what the server saw.
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
