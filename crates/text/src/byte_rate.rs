//! Rates of bytes as people write them.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::decimal::{self, ParseDecimalError};
use crate::quote::quoted;

/// A number of bytes per second, above zero and at most 1,024 GiB/s. It is kept in millionths of a byte per
/// second, so that every rate with up to six decimals is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteRate(NonZeroU64);

/// What is wrong with a rate of bytes, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseByteRateError(String);

impl fmt::Display for ParseByteRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseByteRateError {}

/// The units, and how many bytes each has, from the largest to the smallest.
const UNITS: [(&str, u64); 4] =
    [("GiB/s", 1 << 30), ("MiB/s", 1 << 20), ("KiB/s", 1 << 10), ("B/s", 1)];
/// The decimals that are kept, whatever the unit.
const DECIMALS: usize = 6;
const MILLIONTHS: u64 = 1_000_000;
/// A byte, in the unit of millionths of a byte per second times a nanosecond.
const PER_BYTE: u128 = 1_000_000_000_000_000;

impl ByteRate {
    /// The highest rate.
    pub const HIGHEST: Self = match Self::from_millionths((1 << 40) * MILLIONTHS) {
        Some(rate) => rate,
        None => unreachable!(),
    };

    /// The given number of KiB per second; [`None`] if it is zero or over [`HIGHEST`](Self::HIGHEST).
    pub const fn kibibytes_per_second(count: u64) -> Option<Self> {
        match count.checked_mul(MILLIONTHS << 10) {
            Some(millionths) if millionths <= Self::HIGHEST.0.get() => {
                Self::from_millionths(millionths)
            }
            _ => None,
        }
    }

    const fn from_millionths(millionths: u64) -> Option<Self> {
        match NonZeroU64::new(millionths) {
            Some(millionths) => Some(Self(millionths)),
            None => None,
        }
    }

    /// In millionths of a byte per second.
    pub const fn millionths(self) -> u64 {
        self.0.get()
    }

    /// How many whole bytes have been sent when this many nanoseconds have passed since the first.
    pub fn bytes_in(self, nanos: u64) -> u64 {
        let bytes = u128::from(self.0.get()) * u128::from(nanos) / PER_BYTE;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// How many nanoseconds have passed since the first byte when `bytes` have been sent, rounded up.
    pub fn nanos_for(self, bytes: u64) -> u64 {
        let nanos = (u128::from(bytes) * PER_BYTE).div_ceil(self.0.get().into());
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

impl FromStr for ByteRate {
    type Err = ParseByteRateError;

    /// Reads a rate: a number with a unit: `B/s`, `KiB/s`, `MiB/s` or `GiB/s`.
    ///
    /// # Errors
    /// When `text` is not such a rate, has more than six decimals, is zero, or is over
    /// [`HIGHEST`](Self::HIGHEST).
    fn from_str(text: &str) -> Result<Self, ParseByteRateError> {
        let refused = |why: &str| Err(ParseByteRateError(format!("{}: {why}", quoted(text))));
        let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return refused("write a rate such as 100B/s, 64KiB/s or 1.5MiB/s");
        };
        let millionths = match decimal::scaled(number, DECIMALS) {
            Ok(scaled) => scaled.saturating_mul((*bytes).into()),
            Err(ParseDecimalError::TooFine) => return refused("a rate has at most six decimals"),
            Err(ParseDecimalError::NotDigits) => {
                return refused("write a rate such as 100B/s, 64KiB/s or 1.5MiB/s");
            }
        };
        match u64::try_from(millionths).ok().filter(|it| *it <= Self::HIGHEST.millionths()) {
            None => refused("this rate is too high: write at most 1024GiB/s"),
            Some(millionths) => match Self::from_millionths(millionths) {
                None => refused("a rate must be above zero: write hang to send nothing at all"),
                Some(rate) => Ok(rate),
            },
        }
    }
}

impl fmt::Display for ByteRate {
    /// Exactly, with the largest unit of which there is at least one and which takes at most three decimals,
    /// else in bytes per second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millionths = self.millionths();
        let reads_well = |bytes: u64| {
            millionths >= bytes * MILLIONTHS
                && millionths.is_multiple_of(bytes * (MILLIONTHS / 1_000))
        };
        let (name, bytes) =
            UNITS.into_iter().find(|(_, bytes)| reads_well(*bytes)).unwrap_or(UNITS[3]);
        write!(f, "{}{name}", decimal::text((millionths / bytes).into(), DECIMALS))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<ByteRate, String> {
        text.parse().map_err(|why: ParseByteRateError| why.to_string())
    }

    proptest! {
        /// A printed rate is read back as the same rate.
        #[test]
        fn print_then_read_is_the_same(bits in 0_u32..60, part in any::<u64>()) {
            let millionths = (part >> (63 - bits)).clamp(1, ByteRate::HIGHEST.millionths());
            let rate = ByteRate::from_millionths(millionths).unwrap();
            prop_assert_eq!(read(&rate.to_string()), Ok(rate));
        }

        /// The time for a number of bytes is the first at which they have been sent.
        #[test]
        fn bytes_and_time_agree(millionths in 1_u64..ByteRate::HIGHEST.millionths(), bytes in 1_u64..1_000_000_000) {
            let rate = ByteRate::from_millionths(millionths).unwrap();
            let nanos = rate.nanos_for(bytes);
            if nanos < u64::MAX {
                prop_assert!(rate.bytes_in(nanos) >= bytes);
                prop_assert!(rate.bytes_in(nanos - 1) < bytes);
            }
        }

        /// Any text at all is either read or refused; nothing panics.
        #[test]
        fn any_text_is_read_or_refused(text in "([0-9.]{0,30}(B/s|KiB/s|GiB/s|K)?|\\PC{0,24})") {
            let _ = read(&text);
        }
    }

    #[test]
    fn rates_are_exact_and_printed_with_the_unit_that_reads_best() {
        for (text, printed) in [
            ("100B/s", "100B/s"),
            ("1024B/s", "1KiB/s"),
            ("1536B/s", "1.5KiB/s"),
            ("0.1KiB/s", "102.4B/s"),
            ("0.5MiB/s", "512KiB/s"),
            ("0.000001B/s", "0.000001B/s"),
            ("1024GiB/s", "1024GiB/s"),
            // 976.5625 KiB/s would take four decimals.
            ("1000000B/s", "1000000B/s"),
            ("1.000001GiB/s", "1073742897.741824B/s"),
        ] {
            assert_eq!(read(text).unwrap().to_string(), printed, "{text}");
        }
        assert_eq!(read("16KiB/s").ok(), ByteRate::kibibytes_per_second(16));
        assert_eq!(ByteRate::kibibytes_per_second(0), None);
        assert_eq!(ByteRate::kibibytes_per_second(u64::MAX), None);
    }

    #[test]
    fn wrong_rates_are_refused_with_what_would_be_right() {
        for text in ["", "B/s", "10", "10KB/s", "10 B/s", "-1B/s", "1e3B/s", ".5B/s", "10b/s"] {
            assert!(read(text).unwrap_err().contains("such as 100B/s"), "{text}");
        }
        assert!(read("0B/s").unwrap_err().contains("above zero"));
        assert!(read("0.0000001B/s").unwrap_err().contains("six decimals"));
        assert!(read("1025GiB/s").unwrap_err().contains("at most 1024GiB/s"));
        assert!(read(&format!("{}B/s", "9".repeat(60))).unwrap_err().contains("too high"));
    }
}
