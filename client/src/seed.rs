//! Random seeds that are easy to type.

use longsync_server::Options;

/// A random seed that is easy to type again, and that every JSON reader takes for the same number: many
/// cannot represent integers over 2^53.
pub(crate) fn short() -> u64 {
    Options::default().seed >> 32
}
