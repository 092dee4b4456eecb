//! A histogram as `HdrHistogram` encodes it: V2 in zlib's form of DEFLATE, the only form that all of its
//! readers accept.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::{V2, V2_COMPRESSED, number};

/// The part before the counts.
pub(super) struct Header {
    pub(super) digits: u32,
    pub(super) lowest: u64,
    pub(super) highest: u64,
}

/// A histogram whose first `empty` buckets are empty, followed by these counts.
pub(super) fn compressed(header: &Header, empty: usize, counts: &[u64]) -> Vec<u8> {
    let plain = plain(header, empty, counts);
    let mut bytes = V2_COMPRESSED.to_be_bytes().to_vec();
    bytes.extend([0; 4]);
    let begin = bytes.len();
    let mut bytes = deflated(&plain, bytes).expect("writing to a vector cannot fail");
    let length = length(bytes.len() - begin);
    bytes[begin - 4..begin].copy_from_slice(&length);
    bytes
}

/// The same, not compressed.
fn plain(header: &Header, empty: usize, counts: &[u64]) -> Vec<u8> {
    let numbers = numbers(empty, counts);
    let mut bytes = Vec::with_capacity(40 + numbers.len());
    bytes.extend(V2.to_be_bytes());
    bytes.extend(length(numbers.len()));
    // The normalizing offset: nothing is shifted.
    bytes.extend(0_u32.to_be_bytes());
    bytes.extend(header.digits.to_be_bytes());
    bytes.extend(header.lowest.to_be_bytes());
    bytes.extend(header.highest.to_be_bytes());
    // The ratio of values to integers.
    bytes.extend(1.0_f64.to_be_bytes());
    bytes.extend(numbers);
    bytes
}

/// The counts as numbers: each as it is, except that two or more empty buckets are their number, negated.
fn numbers(empty: usize, counts: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(counts.len());
    let mut run = empty;
    for count in counts {
        if *count == 0 {
            run += 1;
            continue;
        }
        write_run(run, &mut bytes);
        run = 0;
        // Counts stop far below the maximum of a signed number.
        number::write(i64::try_from(*count).unwrap_or(i64::MAX), &mut bytes);
    }
    write_run(run, &mut bytes);
    bytes
}

fn write_run(run: usize, bytes: &mut Vec<u8>) {
    match run {
        0 => {}
        1 => bytes.push(0),
        // At most the number of buckets, which is less than 2^63.
        _ => number::write(i64::try_from(run).map_or(i64::MIN, i64::wrapping_neg), bytes),
    }
}

fn deflated(plain: &[u8], into: Vec<u8>) -> io::Result<Vec<u8>> {
    // The default level saves at most 5 % and takes at least three times as long.
    let mut encoder = ZlibEncoder::new(into, Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish()
}

/// The longest takes nine bytes for each of 39,000 buckets.
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}
