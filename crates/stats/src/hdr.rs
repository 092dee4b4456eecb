//! `HdrHistogram`'s encoding V2, and its interval logs. Pure: a log is written to a writer that the caller
//! provides.

mod distribution;
mod log;
mod number;
mod read;
mod write;

pub use self::distribution::DecodeDistributionError;
pub use self::log::LogWriter;
pub(crate) use self::read::{DecodeHistogramError, read};

/// The beginning of a histogram that is not compressed.
const V2: u32 = 0x1c84_9313;
/// The beginning of one in zlib's form of DEFLATE.
const V2_COMPRESSED: u32 = 0x1c84_9314;
