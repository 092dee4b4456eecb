//! One histogram of a log: `HdrHistogram`'s encoding in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hdr::{self, DecodeHistogramError};

/// In base64, all encodings begin with this: the first three bytes of their cookies.
const BEGINNING: &str = "HIST";

const DAMAGED: &str = "its histogram is damaged: write the log again, or leave out this line";
const OLD: &str = "its histogram is in an old encoding: only V2 is read, which HdrHistogram \
     has written since version 2.1.5";
const NOT_ENCODED: &str =
    "a line of a histogram log ends with its histogram: base64 that begins with HIST";
const INTEGER_TO_DOUBLE: &str =
    "its histogram has decimal numbers: only whole nanoseconds are read";

pub(super) fn is_encoded(field: &str) -> bool {
    field.starts_with(BEGINNING)
}

/// The middle and the count of each bucket that is not empty.
pub(super) fn decode(field: &str) -> Result<Vec<(u64, u64)>, &'static str> {
    if !is_encoded(field) {
        return Err(NOT_ENCODED);
    }
    let bytes = STANDARD.decode(field).map_err(|_| DAMAGED)?;
    match hdr::read(&bytes) {
        Ok(buckets) => Ok(buckets.middles().collect()),
        Err(DecodeHistogramError::Damaged) => Err(DAMAGED),
        Err(DecodeHistogramError::OtherEncoding) => Err(OLD),
        Err(DecodeHistogramError::Decimal) => Err(INTEGER_TO_DOUBLE),
    }
}
