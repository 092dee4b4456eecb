//! The range of values of each bucket: `HdrHistogram`'s layout for 1 ns to 24 h and three digits.
//!
//! Up to 2,048 ns a bucket is 1 ns wide; after that each doubling of the value has 1,024 buckets of equal
//! width. So a bucket is at most a thousandth of its values wide.

/// The longest duration that has a bucket, in nanoseconds: 24 h.
pub(crate) const LONGEST_NS: u64 = 24 * 3_600 * 1_000_000_000;
/// How many digits of a value are kept.
pub(crate) const SIGNIFICANT_DIGITS: u32 = 3;
/// The number of buckets in a doubling is 2 to this power, the next above a thousand.
const BUCKETS_PER_DOUBLING: u32 = 10;
/// How many buckets there are: `HdrHistogram` ends with a complete doubling.
pub(crate) const BUCKETS: usize =
    (index_of(LONGEST_NS) / (1 << BUCKETS_PER_DOUBLING) + 1) << BUCKETS_PER_DOUBLING;

/// The bucket of a value of at most [`LONGEST_NS`].
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "after the shift it is less than 2,048")]
pub(crate) const fn index_of(nanos: u64) -> usize {
    // Below 2,048, the highest bit counts as that of 1,024.
    let highest_bit = (nanos | (1 << BUCKETS_PER_DOUBLING)).ilog2();
    let width_power = highest_bit - BUCKETS_PER_DOUBLING;
    ((width_power as usize) << BUCKETS_PER_DOUBLING) + (nanos >> width_power) as usize
}

/// The shortest and the longest value of a bucket, in nanoseconds.
pub(crate) const fn bounds(index: usize) -> (u64, u64) {
    // The first two doublings have buckets of one width.
    let width_power = (index >> BUCKETS_PER_DOUBLING).saturating_sub(1);
    let within = (index - (width_power << BUCKETS_PER_DOUBLING)) as u64;
    (within << width_power, ((within + 1) << width_power) - 1)
}
