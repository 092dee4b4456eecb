//! One histogram, as `HdrHistogram` writes it: its encoding V2, compressed or not, in base64.
//!
//! The crate's own reader is not used: it allocates whatever size a damaged header claims, up to 4 GiB.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;

/// In base64 all encodings begin with this, the first three bytes of their cookies.
const BEGINNING: &str = "HIST";
const V2: u32 = 0x1c84_9313;
const V2_COMPRESSED: u32 = 0x1c84_9314;
/// Room for the counts of the largest histogram: five digits over all of 64 bits, nine bytes each.
const MOST_BYTES: u64 = 64 << 20;

const DAMAGED: &str = "its histogram is damaged: write the log anew, or leave out this line";
const OLD: &str = "its histogram is in an old encoding: what is read is V2, which HdrHistogram \
     writes since version 2.1.5";
const NOT_ENCODED: &str =
    "a line of a histogram log ends with its histogram: base64 that begins with HIST";
const INTEGER_TO_DOUBLE: &str =
    "its histogram is of decimal numbers: what is read is one of whole nanoseconds";

pub(super) fn is_encoded(field: &str) -> bool {
    field.starts_with(BEGINNING)
}

/// The middle and the count of each bucket that is not empty.
pub(super) fn decode(field: &str) -> Result<Vec<(u64, u64)>, &'static str> {
    if !is_encoded(field) {
        return Err(NOT_ENCODED);
    }
    let bytes = STANDARD.decode(field).map_err(|_| DAMAGED)?;
    let mut bytes = bytes.as_slice();
    let cookie = u32::from_be_bytes(take(&mut bytes)?);
    if cookie == V2 {
        return buckets(bytes);
    }
    if cookie != V2_COMPRESSED {
        return Err(OLD);
    }
    let length = usize::try_from(u32::from_be_bytes(take(&mut bytes)?)).map_err(|_| DAMAGED)?;
    let compressed = bytes.get(..length).ok_or(DAMAGED)?;
    let mut inflated = Vec::new();
    let read = ZlibDecoder::new(compressed).take(MOST_BYTES).read_to_end(&mut inflated);
    read.map_err(|_| DAMAGED)?;
    let mut inflated = inflated.as_slice();
    if u32::from_be_bytes(take(&mut inflated)?) != V2 {
        return Err(DAMAGED);
    }
    buckets(inflated)
}

/// The buckets of what follows the cookie of V2.
fn buckets(mut bytes: &[u8]) -> Result<Vec<(u64, u64)>, &'static str> {
    let length = usize::try_from(u32::from_be_bytes(take(&mut bytes)?)).map_err(|_| DAMAGED)?;
    let offset = u32::from_be_bytes(take(&mut bytes)?);
    let digits = u32::from_be_bytes(take(&mut bytes)?);
    let lowest = u64::from_be_bytes(take(&mut bytes)?);
    let highest = u64::from_be_bytes(take(&mut bytes)?);
    let ratio = f64::from_be_bytes(take(&mut bytes)?);
    if offset != 0 || ratio.to_bits() != 1.0_f64.to_bits() {
        return Err(INTEGER_TO_DOUBLE);
    }
    let scale = Scale::new(digits, lowest, highest).ok_or(DAMAGED)?;
    let mut counts = bytes.get(..length).ok_or(DAMAGED)?;
    let (mut index, mut buckets) = (0_u64, Vec::new());
    while !counts.is_empty() {
        let number = signed(unsigned(&mut counts)?);
        match u64::try_from(number) {
            // What is negative is a run of empty buckets.
            Err(_) => index = index.checked_add(number.unsigned_abs()).ok_or(DAMAGED)?,
            Ok(count) => {
                if count > 0 {
                    buckets.push((scale.middle(index).ok_or(DAMAGED)?, count));
                }
                index = index.checked_add(1).ok_or(DAMAGED)?;
            }
        }
    }
    Ok(buckets)
}

/// Where the buckets of a histogram lie: in each doubling of the value there are equally many, of
/// equal width.
struct Scale {
    highest: u64,
    /// The first bucket is as wide as 2 to this power.
    narrowest: u32,
    /// The number of buckets in a doubling is 2 to this power.
    buckets_per_doubling: u32,
}

impl Scale {
    fn new(digits: u32, lowest: u64, highest: u64) -> Option<Self> {
        let narrowest = lowest.checked_ilog2()?;
        if digits > 5 || highest < lowest {
            return None;
        }
        // Up to twice 10^digits a bucket is of the lowest width.
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

/// The next number: seven bits a byte, the lowest first, and all eight bits of a ninth byte.
fn unsigned(bytes: &mut &[u8]) -> Result<u64, &'static str> {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let [byte] = take(bytes)?;
        if shift == 56 {
            return Ok(number | u64::from(byte) << shift);
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok(number)
}

/// The sign is in the lowest bit.
fn signed(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(DAMAGED)?;
    *bytes = rest;
    Ok(*taken)
}
