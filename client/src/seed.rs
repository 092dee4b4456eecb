//! Seeds that people type.

use longsync_server::Options;

/// A random seed that is easily typed again, and that all readers of JSON take for the same number: many know
/// no integers over 2^53.
pub(crate) fn short() -> u64 {
    Options::default().seed >> 32
}
