//! A histogram as `HdrHistogram` encodes it: V2, compressed or not.
//!
//! The crate's own reader is not used: it allocates whatever size a damaged header claims, up to 4 GiB.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use super::{V2, V2_COMPRESSED, number};

/// Room for the counts of the largest histogram: five digits over all of 64 bits, nine bytes each.
const MOST_BYTES: u64 = 64 << 20;

/// Why bytes cannot be read as a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecodeHistogramError {
    /// No writer writes such bytes.
    Damaged,
    /// They are in another encoding than V2.
    OtherEncoding,
    /// They encode decimal numbers.
    Decimal,
}

/// The buckets of a histogram that are not empty.
#[derive(Debug)]
pub(crate) struct HdrBuckets {
    /// The layout of the buckets.
    pub(crate) scale: HdrScale,
    /// The index of each, ascending, and its count.
    pub(crate) counts: Vec<(u64, u64)>,
}

impl HdrBuckets {
    /// The middle of each, and its count.
    pub(crate) fn middles(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts.iter().filter_map(|(index, count)| Some((self.scale.middle(*index)?, *count)))
    }
}

/// Reads a histogram with its cookie.
pub(crate) fn read(mut bytes: &[u8]) -> Result<HdrBuckets, DecodeHistogramError> {
    let cookie = u32::from_be_bytes(take(&mut bytes)?);
    if cookie == V2 {
        return buckets(bytes);
    }
    if cookie != V2_COMPRESSED {
        return Err(DecodeHistogramError::OtherEncoding);
    }
    let length = u32::from_be_bytes(take(&mut bytes)?);
    let compressed = first(bytes, length)?;
    let mut inflated = Vec::new();
    let read = ZlibDecoder::new(compressed).take(MOST_BYTES).read_to_end(&mut inflated);
    read.map_err(|_| DecodeHistogramError::Damaged)?;
    let mut inflated = inflated.as_slice();
    if u32::from_be_bytes(take(&mut inflated)?) != V2 {
        return Err(DecodeHistogramError::Damaged);
    }
    buckets(inflated)
}

/// The buckets of a histogram without its cookie, which was that of V2.
fn buckets(mut bytes: &[u8]) -> Result<HdrBuckets, DecodeHistogramError> {
    let length = u32::from_be_bytes(take(&mut bytes)?);
    let offset = u32::from_be_bytes(take(&mut bytes)?);
    let digits = u32::from_be_bytes(take(&mut bytes)?);
    let lowest = u64::from_be_bytes(take(&mut bytes)?);
    let highest = u64::from_be_bytes(take(&mut bytes)?);
    let ratio = f64::from_be_bytes(take(&mut bytes)?);
    if offset != 0 || ratio.to_bits() != 1.0_f64.to_bits() {
        return Err(DecodeHistogramError::Decimal);
    }
    let scale = HdrScale::new(digits, lowest, highest).ok_or(DecodeHistogramError::Damaged)?;
    let mut bytes = first(bytes, length)?;
    let (mut index, mut counts) = (0_u64, Vec::new());
    while !bytes.is_empty() {
        let number = number::read(&mut bytes).ok_or(DecodeHistogramError::Damaged)?;
        // A negative number is a run of empty buckets.
        let run = if number < 0 { number.unsigned_abs() } else { 1 };
        if number > 0 {
            scale.middle(index).ok_or(DecodeHistogramError::Damaged)?;
            counts.push((index, number.unsigned_abs()));
        }
        index = index.checked_add(run).ok_or(DecodeHistogramError::Damaged)?;
    }
    Ok(HdrBuckets { scale, counts })
}

/// The layout of a histogram's buckets: each doubling of the value has the same number of them, of equal
/// width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HdrScale {
    highest: u64,
    /// The first bucket is as wide as 2 to this power.
    narrowest: u32,
    /// The number of buckets in a doubling is 2 to this power.
    buckets_per_doubling: u32,
}

impl HdrScale {
    /// [`None`] if a histogram cannot have these bounds and digits.
    pub(super) fn new(digits: u32, lowest: u64, highest: u64) -> Option<Self> {
        let narrowest = lowest.checked_ilog2()?;
        if digits > 5 || highest < lowest {
            return None;
        }
        // Up to twice 10^digits, buckets have the lowest width.
        let buckets_per_doubling = (2 * 10_u64.pow(digits)).next_power_of_two().ilog2() - 1;
        Some(Self { highest, narrowest, buckets_per_doubling })
    }

    /// The middle of a bucket; [`None`] if there is no such bucket.
    fn middle(&self, index: u64) -> Option<u64> {
        let half = 1_u64 << self.buckets_per_doubling;
        // The first two doublings have buckets of one width.
        let doubling = (index >> self.buckets_per_doubling).saturating_sub(1);
        let width_power = self.narrowest.checked_add(u32::try_from(doubling).ok()?)?;
        let within = if doubling == 0 { index } else { (index & (half - 1)) + half };
        let width = 1_u64.checked_shl(width_power)?;
        let begin = within.checked_mul(width)?;
        (begin <= self.highest).then_some(begin.checked_add(width / 2)?)
    }
}

fn first(bytes: &[u8], length: u32) -> Result<&[u8], DecodeHistogramError> {
    let length = usize::try_from(length).map_err(|_| DecodeHistogramError::Damaged)?;
    bytes.get(..length).ok_or(DecodeHistogramError::Damaged)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], DecodeHistogramError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(DecodeHistogramError::Damaged)?;
    *bytes = rest;
    Ok(*taken)
}
