//! The deadline of a call, and what a reset near it means.

use std::time::{Duration, Instant};

use longsync::deadline::margin;

/// The deadline of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    at: Instant,
    timeout: Duration,
}

impl Deadline {
    /// `timeout` after the call's headers arrived; [`None`] if the clock cannot represent a time that late.
    pub(crate) fn new(arrived: Instant, timeout: Duration) -> Option<Self> {
        Some(Self { at: arrived.checked_add(timeout)?, timeout })
    }

    /// When the deadline is.
    pub(crate) fn at(self) -> Instant {
        self.at
    }

    /// How much time was left when the call's headers arrived.
    pub(crate) fn timeout(self) -> Duration {
        self.timeout
    }

    /// Whether a reset at `now` comes from the client's own deadline rather than a cancellation: it does if
    /// it comes within [`margin`] of the deadline, or later.
    pub(crate) fn explains_reset_at(self, now: Instant) -> bool {
        now + margin(self.timeout) >= self.at
    }
}

/// Reads a `grpc-timeout`: at most 8 digits and a unit, as gRPC's PROTOCOL-HTTP2.md specifies.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub(crate) fn parse_timeout(value: &[u8]) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "{} is not a timeout: send 1 to 8 digits and one of the units H, M, S, m, u, n, such as 250m",
            longsync_text::quoted(&String::from_utf8_lossy(value))
        )
    };
    let (unit, digits) = value.split_last().ok_or_else(wrong)?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return Err(wrong());
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    match unit {
        b'H' => Ok(Duration::from_secs(number * 3_600)),
        b'M' => Ok(Duration::from_secs(number * 60)),
        b'S' => Ok(Duration::from_secs(number)),
        b'm' => Ok(Duration::from_millis(number)),
        b'u' => Ok(Duration::from_micros(number)),
        b'n' => Ok(Duration::from_nanos(number)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every timeout that gRPC's grammar allows is parsed, in its unit.
        #[test]
        fn every_valid_timeout_is_read(number in 0_u64..100_000_000, unit in 0_usize..6) {
            let (letter, nanos) = [
                ('H', 3_600_000_000_000),
                ('M', 60_000_000_000),
                ('S', 1_000_000_000),
                ('m', 1_000_000),
                ('u', 1_000),
                ('n', 1_u128),
            ][unit];
            let read = parse_timeout(format!("{number}{letter}").as_bytes()).unwrap();
            prop_assert_eq!(read.as_nanos(), u128::from(number) * nanos);
        }

        /// Any bytes are parsed or refused; nothing panics.
        #[test]
        fn any_bytes_are_read_or_refused(value in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = parse_timeout(&value);
        }
    }

    #[test]
    fn invalid_timeouts_are_refused() {
        for value in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "123456789m", "1 S", "१S"] {
            assert!(parse_timeout(value.as_bytes()).is_err(), "{value}");
        }
    }

    #[test]
    fn the_edge_between_cancel_and_deadline_is_20_ms_or_the_rounding_of_long_timeouts() {
        let start = Instant::now();
        for (timeout_ms, edge_ms) in [(500, 20), (1_000, 20), (10_000, 110), (100_000, 1_100)] {
            let deadline = Deadline::new(start, Duration::from_millis(timeout_ms)).unwrap();
            let edge = start + Duration::from_millis(timeout_ms - edge_ms);
            assert!(deadline.explains_reset_at(edge), "{timeout_ms}");
            let before = start + Duration::from_millis(timeout_ms - edge_ms - 1);
            assert!(!deadline.explains_reset_at(before), "{timeout_ms}");
            assert!(deadline.explains_reset_at(deadline.at() + Duration::from_secs(1)));
        }
    }
}
