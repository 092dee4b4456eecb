//! How figures are written for people.

use std::time::Duration;

use longsync_text::duration::text;

/// A measured duration, to four digits.
pub(crate) fn rounded(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let digits = nanos.checked_ilog10().map_or(1, |log| log + 1);
    let step = 10_u128.pow(digits.saturating_sub(4));
    let nanos = (nanos + step / 2) / step * step;
    text(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// A duration in whole nanoseconds, as JSON has it.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A signed duration in nanoseconds, to four digits.
pub(crate) fn rounded_signed(nanos: i64) -> String {
    let magnitude = rounded(Duration::from_nanos(nanos.unsigned_abs()));
    if nanos < 0 { format!("-{magnitude}") } else { magnitude }
}

/// A count of bytes: `1.5 MiB`.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn bytes(count: u64) -> String {
    const KIB: f64 = 1024.0;
    match count as f64 {
        small if small < KIB => format!("{count} B"),
        kib if kib < KIB * KIB => format!("{:.0} KiB", kib / KIB),
        mib if mib < KIB * KIB * KIB => format!("{:.1} MiB", mib / KIB / KIB),
        gib => format!("{:.2} GiB", gib / KIB / KIB / KIB),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_four_digits() {
        for (nanos, shown) in [
            (0, "0s"),
            (7, "7ns"),
            (312_456, "312.5us"),
            (251_240_999, "251.2ms"),
            (999_960_000, "1s"),
            (4_012_345_678, "4.012s"),
        ] {
            assert_eq!(rounded(Duration::from_nanos(nanos)), shown);
        }
        assert_eq!(rounded_signed(-312_456), "-312.5us");
    }
}
