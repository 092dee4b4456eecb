//! How figures are formatted for people.

use std::time::Duration;

pub(crate) use longsync_text::duration::rounded;

/// A duration in whole nanoseconds, as in JSON.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A count as a length in memory; one that is beyond the address space, which nothing in memory has, becomes
/// the largest length.
pub(crate) fn length(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A signed duration in nanoseconds, to four digits.
pub(crate) fn rounded_signed(nanos: i64) -> String {
    let magnitude = rounded(Duration::from_nanos(nanos.unsigned_abs()));
    if nanos < 0 { format!("-{magnitude}") } else { magnitude }
}

/// A number of bytes: `1.5 MiB`.
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
    fn a_negative_duration_has_its_sign() {
        assert_eq!(rounded_signed(-312_456), "-312.5us");
    }
}
