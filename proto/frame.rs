//! The prefix of each gRPC message: one byte of flags and four bytes of length (gRPC's PROTOCOL-HTTP2.md,
//! "Length-Prefixed-Message").

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

/// The length of the prefix, in bytes.
pub const PREFIX_BYTES: usize = 5;

/// The flag of an uncompressed message.
pub const PLAIN: u8 = 0;

/// The prefix of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// 0, or 1 for a compressed message. It is up to the reader to reject other values.
    pub flag: u8,
    /// The length of the message, in bytes.
    pub length: u32,
}

impl Prefix {
    /// Decodes a prefix.
    #[inline]
    pub const fn read([flag, length @ ..]: [u8; PREFIX_BYTES]) -> Self {
        Self { flag, length: u32::from_be_bytes(length) }
    }

    /// The prefix of an uncompressed message of this length. The length is capped at 4 GiB - 1, the longest
    /// message that gRPC allows.
    #[inline]
    pub fn of_length(bytes: usize) -> Self {
        Self { flag: PLAIN, length: u32::try_from(bytes).unwrap_or(u32::MAX) }
    }

    /// Appends the encoded prefix to `buffer`.
    #[inline]
    pub fn write(self, buffer: &mut impl BufMut) {
        buffer.put_u8(self.flag);
        buffer.put_u32(self.length);
    }
}

/// Prepends the prefix to an encoded message that is given in two parts. Protobuf allows fields in any order,
/// so the fields that differ from call to call can be appended to those that do not.
pub fn framed(fields: &[u8], more: &[u8]) -> Bytes {
    let length = fields.len() + more.len();
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    Prefix::of_length(length).write(&mut bytes);
    bytes.put_slice(fields);
    bytes.put_slice(more);
    bytes.freeze()
}

/// Encodes a message together with its prefix, into a single allocation of exactly the right size.
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
        /// A prefix that was written is read back unchanged.
        #[test]
        fn a_written_prefix_is_read_back_unchanged(flag in any::<u8>(), length in any::<u32>()) {
            let prefix = Prefix { flag, length };
            let mut bytes = BytesMut::new();
            prefix.write(&mut bytes);
            prop_assert_eq!(Prefix::read(bytes[..].try_into().unwrap()), prefix);
        }

        /// A complete message follows a prefix with its length, whether it is given in one part or two.
        #[test]
        fn a_message_follows_a_prefix_with_its_length(
            id in "[a-z]{0,300}",
            cut in any::<prop::sample::Index>(),
        ) {
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
    fn the_bytes_are_those_that_grpc_specifies() {
        assert_eq!(framed(b"ab", b"c")[..], *b"\0\0\0\0\x03abc");
    }
}
