//! The messages in the bytes of an answer, each preceded by a flag and its length.

use bytes::{Buf as _, Bytes, BytesMut};
use longsync::frame::{PREFIX_BYTES, Prefix};

/// Bytes that have arrived and have not been read yet. The buffer grows as they arrive, whatever length a
/// prefix announces; bytes of a single chunk are not copied.
#[derive(Debug, Default)]
pub(super) struct MessageBuffer {
    first: Bytes,
    rest: BytesMut,
}

impl MessageBuffer {
    /// Adds a chunk that has arrived.
    #[inline]
    pub(super) fn add(&mut self, chunk: Bytes) {
        if self.is_empty() {
            self.first = chunk;
            return;
        }
        self.keep();
        self.rest.extend_from_slice(&chunk);
    }

    /// The number of bytes that are kept until more arrive. The unread part of a chunk is copied out of it,
    /// since it may be a small part of what was read from the socket.
    #[inline]
    pub(super) fn keep(&mut self) -> usize {
        if !self.first.is_empty() {
            self.rest.extend_from_slice(&self.first);
            self.first = Bytes::new();
        }
        self.rest.len()
    }

    /// The prefix of the next message, once all of it has arrived.
    #[inline]
    pub(super) fn prefix(&self) -> Option<Prefix> {
        let (prefix, _) = self.bytes().split_first_chunk()?;
        Some(Prefix::read(*prefix))
    }

    /// The next message, the one after this prefix, once all of it has arrived.
    #[inline]
    pub(super) fn take(&mut self, Prefix { length, .. }: Prefix) -> Option<Bytes> {
        let length = usize::try_from(length).ok()?;
        if self.bytes().len() - PREFIX_BYTES < length {
            return None;
        }
        Some(if self.rest.is_empty() {
            self.first.advance(PREFIX_BYTES);
            self.first.split_to(length)
        } else {
            self.rest.advance(PREFIX_BYTES);
            self.rest.split_to(length).freeze()
        })
    }

    /// Whether nothing is left, so that no message was cut short.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.rest.is_empty()
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        if self.rest.is_empty() { &self.first } else { &self.rest }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
        messages.iter().flat_map(|message| longsync::frame::framed(message, &[])).collect()
    }

    /// All messages in bytes that arrive in chunks of at most this size.
    fn read(bytes: &[u8], chunk: usize) -> (Vec<Vec<u8>>, bool) {
        let mut messages = MessageBuffer::default();
        let mut read = Vec::new();
        for chunk in bytes.chunks(chunk) {
            messages.add(Bytes::copy_from_slice(chunk));
            while let Some(message) = messages.prefix().and_then(|prefix| messages.take(prefix)) {
                read.push(message.to_vec());
            }
        }
        (read, messages.is_empty())
    }

    proptest! {
        /// Whatever the chunks, the messages read are the messages sent.
        #[test]
        fn chunks_do_not_matter(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 0..5), chunk in 1_usize..40) {
            prop_assert_eq!(read(&framed(&messages), chunk), (messages, true));
        }

        /// If bytes are cut short, the complete messages are read, and the loss is detected.
        #[test]
        fn a_message_that_is_cut_short_is_detected(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 1..5), cut in 1_usize..30, chunk in 1_usize..40) {
            let whole = framed(&messages);
            let last = messages.last().map_or(0, Vec::len) + PREFIX_BYTES;
            let cut = cut.min(last - 1);
            let (read, is_empty) = read(&whole[..whole.len() - cut], chunk);
            prop_assert_eq!((&read[..], is_empty), (&messages[..messages.len() - 1], false));
        }

        /// Any bytes are read without a panic.
        #[test]
        fn any_bytes_are_read(bytes in any::<Vec<u8>>(), chunk in 1_usize..40) {
            let _ = read(&bytes, chunk);
        }
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let mut messages = MessageBuffer::default();
        messages.add(Bytes::from_static(b"\0\xff\xff"));
        messages.add(Bytes::from_static(b"\xff\xff"));
        let prefix = messages.prefix().unwrap();
        assert_eq!((prefix.length, messages.take(prefix)), (u32::MAX, None));
        assert!(messages.rest.capacity() < 100);
    }
}
