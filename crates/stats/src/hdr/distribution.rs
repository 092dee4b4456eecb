//! A distribution in `HdrHistogram`'s encoding.

use super::read::{DecodeHistogramError, HdrScale, read};
use super::write::{Header, compressed};
use crate::distribution::{Distribution, LONGEST_NS, MOST, SIGNIFICANT_DIGITS};

/// Why bytes are not the encoding of a [`Distribution`], and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeDistributionError(&'static str);

impl From<DecodeHistogramError> for DecodeDistributionError {
    fn from(why: DecodeHistogramError) -> Self {
        Self(match why {
            DecodeHistogramError::Damaged => {
                "the histogram is damaged: give all of the bytes as they were encoded"
            }
            DecodeHistogramError::OtherEncoding => {
                "the histogram is in another encoding: only HdrHistogram's V2 is read"
            }
            DecodeHistogramError::Decimal => {
                "the histogram has decimal numbers: only whole nanoseconds are read"
            }
        })
    }
}

const OTHER_BOUNDS: DecodeDistributionError = DecodeDistributionError(
    "the histogram has other bounds: only those from 1 ns to 24 h with 3 significant digits are read",
);
const TOO_MANY: DecodeDistributionError =
    DecodeDistributionError("the histogram has too many values: at most 2^62 - 1 can be counted");

impl Distribution {
    /// `HdrHistogram`'s encoding V2 with DEFLATE, including its cookies. Values below zero or beyond, and the
    /// exact shortest, longest and sum, are not part of it.
    pub fn to_v2_deflate(&self) -> Vec<u8> {
        let header = Header { digits: SIGNIFICANT_DIGITS, lowest: 1, highest: LONGEST_NS };
        let (empty, counts) = self.counts();
        compressed(&header, empty, counts)
    }

    /// Reads what [`Self::to_v2_deflate`] writes, or another `HdrHistogram` with the same bounds.
    ///
    /// The shortest and the longest value are taken as the bounds of their buckets, the sum is that of the
    /// middles of the buckets, and nothing is below zero or beyond.
    ///
    /// # Errors
    /// When the bytes are not a histogram of this kind.
    pub fn from_v2_deflate(bytes: &[u8]) -> Result<Self, DecodeDistributionError> {
        let buckets = read(bytes)?;
        if Some(buckets.scale) != HdrScale::new(SIGNIFICANT_DIGITS, 1, LONGEST_NS) {
            return Err(OTHER_BOUNDS);
        }
        let mut counts = buckets.counts.iter().map(|(_, count)| *count);
        let total = counts.try_fold(0_u64, u64::checked_add);
        if total.is_none_or(|total| total > MOST) {
            return Err(TOO_MANY);
        }
        let mut distribution = Self::default();
        for (index, count) in buckets.counts {
            let index = usize::try_from(index).map_err(|_| OTHER_BOUNDS)?;
            distribution.add_to_bucket(index, count);
        }
        Ok(distribution)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::Duration;

    use flate2::read::ZlibDecoder;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{
        Deserializer, Serializer, V2DeflateSerializer, V2Serializer,
    };
    use proptest::prelude::*;

    use super::*;

    /// Values of every magnitude up to 24 h, and how often each is recorded.
    fn values() -> impl Strategy<Value = Vec<(u64, u64)>> {
        let nanos = (0_u32..48, any::<u64>())
            .prop_map(|(bits, value)| value.checked_shr(64 - bits).unwrap_or(0).min(LONGEST_NS));
        let count = (10_u32..64, 1..u64::MAX).prop_map(|(bits, count)| (count >> bits).max(1));
        proptest::collection::vec((nanos, count), 0..100)
    }

    fn of(values: &[(u64, u64)]) -> Distribution {
        let mut distribution = Distribution::default();
        for (nanos, count) in values {
            distribution.record_n(i64::try_from(*nanos).unwrap(), *count);
        }
        distribution
    }

    fn reference(values: &[(u64, u64)]) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3).unwrap();
        for (nanos, count) in values {
            histogram.record_n(*nanos, *count).unwrap();
        }
        histogram
    }

    fn by_the_crate(mut serializer: impl Serializer, histogram: &Histogram<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        assert!(serializer.serialize(histogram, &mut bytes).is_ok());
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A decoded distribution has the buckets of the encoded one, and is encoded to the same bytes.
        #[test]
        fn what_is_encoded_is_decoded(values in values()) {
            let distribution = of(&values);
            let bytes = distribution.to_v2_deflate();
            let decoded = Distribution::from_v2_deflate(&bytes).unwrap();
            prop_assert!(decoded.buckets().eq(distribution.buckets()));
            prop_assert_eq!(decoded.count(), distribution.count());
            prop_assert_eq!(decoded.to_v2_deflate(), bytes);
            let first = distribution.buckets().next().map(|bucket| bucket.from_ns);
            let last = distribution.buckets().last().map(|bucket| bucket.to_ns.min(LONGEST_NS));
            prop_assert_eq!(decoded.shortest(), first.map(Duration::from_nanos));
            prop_assert_eq!(decoded.longest(), last.map(Duration::from_nanos));
        }

        /// The crate's reader accepts our encoding, and finds the counts that the crate would have recorded
        /// itself.
        #[test]
        fn the_crate_reads_our_encoding(values in values()) {
            let bytes = of(&values).to_v2_deflate();
            let read: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
            prop_assert_eq!((read.low(), read.high(), read.sigfig()), (1, LONGEST_NS, 3));
            prop_assert_eq!(read, reference(&values));
        }

        /// The crate's encodings, compressed or not, are read; and our compressed bytes are the same as the
        /// crate's.
        #[test]
        fn the_crates_encoding_is_read(values in values()) {
            let (distribution, reference) = (of(&values), reference(&values));
            let plain = by_the_crate(V2Serializer::new(), &reference);
            for bytes in [&plain, &by_the_crate(V2DeflateSerializer::new(), &reference)] {
                let decoded = Distribution::from_v2_deflate(bytes).unwrap();
                prop_assert!(decoded.buckets().eq(distribution.buckets()));
            }
            let bytes = distribution.to_v2_deflate();
            let mut inflated = Vec::new();
            ZlibDecoder::new(&bytes[8..]).read_to_end(&mut inflated).unwrap();
            prop_assert_eq!(inflated, plain);
        }

        /// Bytes that were changed or cut off are read or refused; nothing panics.
        #[test]
        fn damaged_bytes_are_read_or_refused(
            values in values(),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            end in any::<prop::sample::Index>(),
            is_compressed in any::<bool>(),
        ) {
            let mut bytes = if is_compressed {
                of(&values).to_v2_deflate()
            } else {
                by_the_crate(V2Serializer::new(), &reference(&values))
            };
            let _ = Distribution::from_v2_deflate(&bytes[..end.index(bytes.len())]);
            for (index, byte) in damage {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
            if let Ok(read) = Distribution::from_v2_deflate(&bytes) {
                prop_assert_eq!(read.count(), read.buckets().map(|bucket| bucket.count).sum::<u64>());
            }
        }
    }

    #[test]
    fn a_day_is_encoded_too() {
        let decoded =
            Distribution::from_v2_deflate(&of(&[(LONGEST_NS, 3)]).to_v2_deflate()).unwrap();
        assert_eq!(decoded.longest(), Some(Duration::from_secs(86_400)));
        assert_eq!(decoded.count(), 3);
        assert!(decoded.mean().is_some_and(|mean| mean <= 86_400e9));
    }

    #[test]
    fn bytes_that_are_not_a_distribution_are_refused() {
        let encoded = |lowest, highest, digits| {
            let histogram = Histogram::new_with_bounds(lowest, highest, digits).unwrap();
            by_the_crate(V2DeflateSerializer::new(), &histogram)
        };
        let too_many = of(&[(1, MOST), (2, 1)]).to_v2_deflate();
        let mut old = of(&[]).to_v2_deflate();
        old[3] = 0x04;
        for (bytes, said) in [
            (Vec::new(), "is damaged"),
            (vec![0x1c, 0x84, 0x93], "is damaged"),
            (old, "another encoding: only HdrHistogram's V2 is read"),
            (encoded(1, LONGEST_NS, 2), "other bounds: only those from 1 ns to 24 h"),
            (encoded(2, LONGEST_NS, 3), "other bounds"),
            (encoded(1, LONGEST_NS - 1, 3), "other bounds"),
            (too_many, "too many values"),
        ] {
            let why = Distribution::from_v2_deflate(&bytes).unwrap_err().to_string();
            assert!(why.contains(said), "{why}");
        }
    }
}
