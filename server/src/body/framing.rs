//! Finds where messages begin and end in the body of a gRPC request.

use longsync::frame::{PREFIX_BYTES, Prefix};

/// Parses a request body chunk by chunk, without keeping any of it.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    prefix: [u8; PREFIX_BYTES],
    prefix_len: usize,
    message_left: u32,
    message_len: u32,
    messages: u64,
}

/// The error for a message that is longer than the limit, according to its own prefix.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLongError {
    pub(crate) message_bytes: u32,
}

impl Framing {
    /// Parses `chunk`, and calls `complete` with the length, including the prefix, of each message
    /// that ends in it. With `only_first`, stops after the first message. Returns the number of
    /// bytes that were not parsed.
    ///
    /// # Errors
    /// At the first message longer than `max` bytes, as soon as its prefix is complete.
    pub(crate) fn follow(
        &mut self,
        mut chunk: &[u8],
        max: u32,
        only_first: bool,
        mut complete: impl FnMut(u64),
    ) -> Result<usize, TooLongError> {
        while !chunk.is_empty() {
            if only_first && self.messages > 0 {
                break;
            }
            if self.prefix_len < PREFIX_BYTES {
                chunk = self.take_prefix(chunk);
                if self.prefix_len < PREFIX_BYTES {
                    break;
                }
                if self.message_len > max {
                    return Err(TooLongError { message_bytes: self.message_len });
                }
            }
            let taken = chunk.len().min(self.message_left as usize);
            chunk = &chunk[taken..];
            self.message_left -= u32::try_from(taken).unwrap_or(self.message_left);
            if self.message_left == 0 {
                self.prefix_len = 0;
                self.messages += 1;
                complete(u64::from(self.message_len) + PREFIX_BYTES as u64);
            }
        }
        Ok(chunk.len())
    }

    fn take_prefix<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let (head, rest) = chunk.split_at(chunk.len().min(PREFIX_BYTES - self.prefix_len));
        self.prefix[self.prefix_len..self.prefix_len + head.len()].copy_from_slice(head);
        self.prefix_len += head.len();
        self.message_len = Prefix::read(self.prefix).length;
        self.message_left = self.message_len;
        rest
    }

    /// Whether every message that has begun is complete.
    pub(crate) fn is_between(&self) -> bool {
        self.prefix_len == 0
    }

    /// The number of complete messages.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(lengths: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for length in lengths {
            bytes.push(0);
            bytes.extend(length.to_be_bytes());
            bytes.extend(std::iter::repeat_n(7, *length as usize));
        }
        bytes
    }

    proptest! {
        /// The same messages are found however a body is cut into chunks.
        #[test]
        fn chunks_do_not_change_what_is_found(
            lengths in proptest::collection::vec(0_u32..40, 0..8),
            cuts in proptest::collection::vec(1_usize..20, 0..40),
        ) {
            let body = framed(&lengths);
            let (mut framing, mut found, mut rest) = (Framing::default(), Vec::new(), &body[..]);
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (chunk, after) = rest.split_at(cut.min(rest.len()));
                framing.follow(chunk, 40, false, |bytes| found.push(bytes)).unwrap();
                rest = after;
            }
            let expected: Vec<_> = lengths.iter().map(|length| u64::from(*length) + 5).collect();
            prop_assert_eq!(framing.messages(), expected.len() as u64);
            prop_assert!(framing.is_between());
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_message_over_the_limit_is_refused_at_its_prefix() {
        let refused = Framing::default().follow(&framed(&[41])[..5], 40, false, |_| {});
        assert_eq!(refused, Err(TooLongError { message_bytes: 41 }));
    }

    #[test]
    fn bytes_after_the_first_message_are_ignored_if_there_must_be_only_one() {
        // A second message that would be refused, and an empty one, which is complete when its prefix is.
        for lengths in [&[3, 41][..], &[0, 0]] {
            let bytes = framed(lengths);
            let first = lengths[0] as usize + PREFIX_BYTES;
            let mut framing = Framing::default();
            let behind = framing.follow(&bytes, 40, true, |_| {});
            assert_eq!(behind, Ok(bytes.len() - first));
            assert_eq!(framing.messages(), 1);
        }
    }
}
