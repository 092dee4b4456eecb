//! Where messages begin and end inside a gRPC request body: a byte of flags, four of length, the
//! message (gRPC's PROTOCOL-HTTP2.md, "Length-Prefixed-Message").

const PREFIX: usize = 5;

/// Follows a request body, chunk by chunk, without keeping any of it.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    prefix: [u8; PREFIX],
    prefix_len: usize,
    message_left: u32,
    message_len: u32,
}

/// A message longer than the limit, by its own prefix.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    pub(crate) message_bytes: u32,
}

impl Framing {
    /// Follows `chunk`, and calls `complete` with the length of each message that ends in it,
    /// prefix included.
    ///
    /// # Errors
    /// At the first message longer than `max` bytes, as soon as its prefix is whole.
    pub(crate) fn follow(
        &mut self,
        mut chunk: &[u8],
        max: u32,
        mut complete: impl FnMut(u64),
    ) -> Result<(), TooLong> {
        while !chunk.is_empty() {
            if self.message_left == 0 {
                let taken = chunk.len().min(PREFIX - self.prefix_len);
                let (head, rest) = chunk.split_at(taken);
                self.prefix[self.prefix_len..self.prefix_len + taken].copy_from_slice(head);
                self.prefix_len += taken;
                chunk = rest;
                if self.prefix_len < PREFIX {
                    return Ok(());
                }
                let [_flags, length @ ..] = self.prefix;
                self.message_len = u32::from_be_bytes(length);
                self.message_left = self.message_len;
                if self.message_len > max {
                    return Err(TooLong { message_bytes: self.message_len });
                }
            }
            let taken = chunk.len().min(self.message_left as usize);
            chunk = &chunk[taken..];
            self.message_left -= u32::try_from(taken).unwrap_or(self.message_left);
            if self.message_left == 0 {
                self.prefix_len = 0;
                complete(u64::from(self.message_len) + PREFIX as u64);
            }
        }
        Ok(())
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
        /// However a body is cut into chunks, the same messages are found in it.
        #[test]
        fn chunks_do_not_change_what_is_found(
            lengths in proptest::collection::vec(0_u32..40, 0..8),
            cuts in proptest::collection::vec(1_usize..20, 0..40),
        ) {
            let body = framed(&lengths);
            let (mut framing, mut found, mut rest) = (Framing::default(), Vec::new(), &body[..]);
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (chunk, after) = rest.split_at(cut.min(rest.len()));
                framing.follow(chunk, 40, |bytes| found.push(bytes)).unwrap();
                rest = after;
            }
            let expected: Vec<_> = lengths.iter().map(|length| u64::from(*length) + 5).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_message_over_the_limit_is_refused_at_its_prefix() {
        let refused = Framing::default().follow(&framed(&[41])[..5], 40, |_| {});
        assert_eq!(refused, Err(TooLong { message_bytes: 41 }));
    }
}
