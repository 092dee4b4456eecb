//! What stands before each message of gRPC: a byte of flags, four of length (gRPC's PROTOCOL-HTTP2.md,
//! "Length-Prefixed-Message").

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

/// How many bytes stand before a message.
pub const PREFIX_BYTES: usize = 5;

/// The flag of a message that is not compressed.
pub const PLAIN: u8 = 0;

/// What stands before a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// 0, or 1 for a compressed message. The reader judges other values.
    pub flag: u8,
    /// How many bytes the message has.
    pub length: u32,
}

impl Prefix {
    /// Reads one.
    #[inline]
    pub const fn read([flag, length @ ..]: [u8; PREFIX_BYTES]) -> Self {
        Self { flag, length: u32::from_be_bytes(length) }
    }

    /// The prefix of an uncompressed message of this length; from 4 GiB up, which gRPC does not have,
    /// the length is 4 GiB - 1.
    #[inline]
    pub fn of_length(bytes: usize) -> Self {
        Self { flag: PLAIN, length: u32::try_from(bytes).unwrap_or(u32::MAX) }
    }

    /// Writes it.
    #[inline]
    pub fn write(self, buffer: &mut impl BufMut) {
        buffer.put_u8(self.flag);
        buffer.put_u32(self.length);
    }
}

/// An encoded message behind its prefix, given as two parts: the fields of a message may come in any
/// order, so fields that differ from call to call are added to those that do not.
pub fn framed(fields: &[u8], more: &[u8]) -> Bytes {
    let length = fields.len() + more.len();
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    Prefix::of_length(length).write(&mut bytes);
    bytes.put_slice(fields);
    bytes.put_slice(more);
    bytes.freeze()
}

/// A message behind its prefix, encoded into one piece of memory of its size.
pub fn encoded(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    Prefix::of_length(length).write(&mut bytes);
    message.encode_raw(&mut bytes);
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::v1::LongSyncRequest;

    proptest! {
        /// A prefix is read as it was written.
        #[test]
        fn a_prefix_is_read_as_it_was_written(flag in any::<u8>(), length in any::<u32>()) {
            let prefix = Prefix { flag, length };
            let mut bytes = BytesMut::new();
            prefix.write(&mut bytes);
            prop_assert_eq!(Prefix::read(bytes[..].try_into().unwrap()), prefix);
        }

        /// A message stands whole behind a prefix that says its length, in one part or in two.
        #[test]
        fn a_message_stands_behind_its_length(id in "[a-z]{0,300}", cut in any::<prop::sample::Index>()) {
            let message = LongSyncRequest { call_id: id, ..LongSyncRequest::default() };
            let plain = message.encode_to_vec();
            let (fields, more) = plain.split_at(cut.index(plain.len() + 1));
            for bytes in [encoded(&message), framed(fields, more)] {
                let (prefix, rest) = bytes.split_first_chunk().unwrap();
                prop_assert_eq!(Prefix::read(*prefix), Prefix::of_length(rest.len()));
                prop_assert_eq!(rest, &plain[..]);
            }
        }
    }

    #[test]
    fn the_bytes_are_grpcs() {
        assert_eq!(framed(b"ab", b"c")[..], *b"\0\0\0\0\x03abc");
    }
}
