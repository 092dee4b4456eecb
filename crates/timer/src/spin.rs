//! How long a thread may spin.

use std::fmt;
use std::time::Duration;

/// The longest spin that is useful: a sleeping core is awake again long before that, even if the system's own
/// timer ticks only every 16 ms. A longer spin would only keep a core busy whenever there is a wait.
pub const LONGEST_SPIN: Duration = Duration::from_millis(20);

/// A spin that is too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpinError {
    spin: Duration,
}

/// Checks a spin that a user asks for.
///
/// # Errors
/// When it is over [`LONGEST_SPIN`].
pub fn check_spin(spin: Duration) -> Result<Duration, SpinError> {
    if spin <= LONGEST_SPIN { Ok(spin) } else { Err(SpinError { spin }) }
}

impl fmt::Display for SpinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spin } = self;
        write!(
            f,
            "a spin of {spin:?} keeps a core busy for that long before each wait ends, and none needs more than \
             {LONGEST_SPIN:?}: write at most {LONGEST_SPIN:?}, such as 200us"
        )
    }
}

impl std::error::Error for SpinError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spin_is_at_most_the_longest_useful_one() {
        for spin in [Duration::ZERO, Duration::from_micros(200), LONGEST_SPIN] {
            assert_eq!(check_spin(spin), Ok(spin));
        }
        for spin in [LONGEST_SPIN + Duration::from_nanos(1), Duration::MAX] {
            assert_eq!(check_spin(spin), Err(SpinError { spin }));
        }
        assert_eq!(
            check_spin(Duration::from_secs(10)).unwrap_err().to_string(),
            "a spin of 10s keeps a core busy for that long before each wait ends, and none needs more than 20ms: \
             write at most 20ms, such as 200us"
        );
    }
}
