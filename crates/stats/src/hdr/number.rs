//! The numbers of the encoding V2: the sign is the lowest bit; then come seven bits per byte, the lowest
//! first, and all eight bits of a ninth byte. Similar encodings have a tenth.

/// How many bytes have seven bits of the number, and one bit that tells whether another byte follows.
const SEVENS: u32 = 8;

/// Appends a number.
pub(super) fn write(number: i64, bytes: &mut Vec<u8>) {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    for _ in 0..SEVENS {
        let [lowest, ..] = left.to_le_bytes();
        left >>= 7;
        if left == 0 {
            return bytes.push(lowest & 0x7f);
        }
        bytes.push(lowest | 0x80);
    }
    let [lowest, ..] = left.to_le_bytes();
    bytes.push(lowest);
}

/// Takes a number from the beginning of `bytes`; [`None`] if they end within it.
pub(super) fn read(bytes: &mut &[u8]) -> Option<i64> {
    let mut number = 0;
    for index in 0..=SEVENS {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if index == SEVENS {
            number |= u64::from(*byte) << (7 * SEVENS);
            break;
        }
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every number is read as it was written, and nothing after it is consumed.
        #[test]
        fn what_is_written_is_read(bits in 0_u32..64, number in any::<i64>()) {
            let number = number >> bits;
            let mut bytes = Vec::new();
            write(number, &mut bytes);
            prop_assert!(bytes.len() <= 9);
            prop_assert_eq!(read(&mut &bytes[..bytes.len() - 1]), None);
            bytes.push(7);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(read(&mut rest), Some(number));
            prop_assert_eq!(rest, [7]);
        }
    }

    #[test]
    fn the_longest_numbers_take_nine_bytes() {
        for (number, expected) in [
            (0, vec![0]),
            (-1, vec![1]),
            (63, vec![0x7e]),
            (64, vec![0x80, 0x01]),
            (i64::MAX, vec![0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            (i64::MIN, vec![0xff; 9]),
        ] {
            let mut bytes = Vec::new();
            write(number, &mut bytes);
            assert_eq!(bytes, expected);
            assert_eq!(read(&mut expected.as_slice()), Some(number));
        }
    }
}
