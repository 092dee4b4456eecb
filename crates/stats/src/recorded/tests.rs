use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer, V2Serializer};
use proptest::prelude::*;

use super::*;

/// A log with one line per histogram, the second and every other one with a tag.
fn log<S: Serializer>(histograms: &[Histogram<u64>], mut serializer: S) -> Vec<u8> {
    let mut log = Vec::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("[Logged with a test]")
        .with_start_time(SystemTime::UNIX_EPOCH)
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut log, &mut serializer)
        .unwrap();
    for (index, histogram) in histograms.iter().enumerate() {
        let tag = (index % 2 == 1).then(|| Tag::new("added").unwrap());
        let second = Duration::from_secs(1);
        assert!(writer.write_histogram(histogram, second, second, tag).is_ok());
    }
    log
}

/// The values of the histograms according to the crate that wrote them.
fn expected(histograms: &[Histogram<u64>]) -> Vec<(u64, u64)> {
    let mut counts = DurationCounts::default();
    for histogram in histograms {
        for bucket in histogram.iter_recorded() {
            let middle = histogram.median_equivalent(bucket.value_iterated_to());
            counts.add(middle, bucket.count_at_value(), 1).unwrap();
        }
    }
    counts.finish("none").unwrap().values
}

fn histogram() -> impl Strategy<Value = Histogram<u64>> {
    let value = (0_u32..39, any::<u64>()).prop_map(|(bits, value)| value >> (63 - bits));
    let values = proptest::collection::vec((value, 1_u64..1_000_000), 1..50);
    (0_u8..=3, 1_u64..1_000, values).prop_map(|(digits, lowest, values)| {
        let mut histogram = Histogram::new_with_bounds(lowest, 1 << 40, digits).unwrap();
        for (value, count) in values {
            histogram.record_n(value, count).unwrap();
        }
        histogram
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every value of a log is read as the middle of its bucket, over all lines and tags, in both
    /// forms of the encoding.
    #[test]
    fn a_log_is_read_as_its_writer_meant_it(
        histograms in proptest::collection::vec(histogram(), 1..4),
    ) {
        for bytes in [log(&histograms, V2Serializer::new()), log(&histograms, V2DeflateSerializer::new())]
        {
            let recorded = RecordedDurations::read(&bytes).unwrap();
            prop_assert_eq!(recorded.values(), &expected(&histograms)[..]);
        }
    }

    /// A log with changed bytes is read or refused; nothing panics.
    #[test]
    fn a_damaged_log_is_read_or_refused(
        histogram in histogram(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&histogram, &mut bytes).unwrap();
        for (index, byte) in damage {
            let index = index.index(bytes.len() - 4) + 4;
            bytes[index] = byte;
        }
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
        let _ = RecordedDurations::read(encoded.as_bytes());
    }

    /// Any bytes at all are read or refused; nothing panics.
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        text in "(HISTF|ms\n|#|\")?\\PC{0,20}\r?\n?[0-9.]{0,9}(ms|,|\")?",
    ) {
        let _ = RecordedDurations::read(&bytes);
        let _ = RecordedDurations::read(text.as_bytes());
    }

    /// Durations with a unit and the same durations as numbers below a header are read alike; a quantile is
    /// the value of its rank in the sorted list.
    #[test]
    fn a_quantile_is_the_value_of_its_rank(
        mut nanos in proptest::collection::vec(0_u64..100_000, 1..200),
        parts in 0_u32..=1_000_000,
    ) {
        let mut with_unit = String::new();
        let mut numbers = "us,code\n".to_owned();
        for value in &nanos {
            let (whole, fraction) = (value / 1_000, value % 1_000);
            let printed = duration::text(Duration::from_nanos(*value));
            write!(with_unit, "{printed}, OK\r\n\n").unwrap();
            writeln!(numbers, "\"{whole}.{fraction:03}\",OK\n# a comment").unwrap();
        }
        let recorded = RecordedDurations::read(with_unit.as_bytes()).unwrap();
        let below_a_header = RecordedDurations::read(numbers.as_bytes()).unwrap();
        prop_assert_eq!(recorded.values(), below_a_header.values());
        nanos.sort_unstable();
        let percentile = Percentile::per_million(parts).unwrap();
        let rank = usize::try_from(percentile.rank(recorded.count())).unwrap();
        prop_assert_eq!(recorded.quantile(percentile), Duration::from_nanos(nanos[rank - 1]));
    }
}

#[test]
fn the_longest_value_is_known_with_its_line() {
    let recorded =
        RecordedDurations::read(b"\xef\xbb\xbf# a run\n10ms\n\n 1m 30s , OK\n90s\n0\n").unwrap();
    assert_eq!(recorded.longest(), (Duration::from_secs(90), 4));
    assert_eq!(recorded.values(), [(0, 1), (10_000_000, 1), (90_000_000_000, 2)]);
}

#[test]
fn a_file_of_something_else_is_refused_with_its_line() {
    for (file, said) in [
        ("", "not a single value"),
        ("\n# only a comment\n", "not a single value"),
        ("ms\n", "not a single value"),
        (
            "12\n",
            "line 1: `12` has no unit: write a unit, such as 12ms, or name the unit in a header",
        ),
        ("12ms\n13\n", "line 2: `13` has no unit"),
        ("latency,code\n12ms,OK\n", "line 1: `latency` is neither a duration nor a header"),
        ("12ms\n\n-3ms\n", "line 3: `-3ms` is negative"),
        ("ms\n12\n-3\n", "line 3: `-3` is negative"),
        ("seconds\n0.1\n1e-5\n", "line 3: `1e-5` has an exponent"),
        ("ms\n12ms\n", "line 2: `12ms` is not a number"),
        ("12ms\nms\n", "line 2: `ms` is not a duration"),
        ("\"12ms\n", "line 1: the cell's closing quote"),
        ("\"12ms\" 3\n", "line 1: after a cell's closing quote"),
        ("9000h\n", "line 1: `9000h` is neither"),
        ("seconds\n99999999\n", "line 2: this is longer than a year"),
        ("\u{1b}[31m\n", "line 1: `\\u{1b}[31m` is neither"),
        ("\"StartTimestamp\",\"Interval_Length\"\n", "not a single value"),
        ("\"StartTimestamp\"\n1,2,3,AAAA\n", "line 2: a line of a histogram log ends with"),
        ("1,2,3,HISTFAAAA\n", "line 1: its histogram is damaged"),
        ("1,2,3,HISTAAAA\n", "line 1: its histogram is in an old encoding"),
    ] {
        let why = RecordedDurations::read(file.as_bytes()).unwrap_err().to_string();
        assert!(why.contains(said), "{why}");
    }
    let why = RecordedDurations::read(b"12ms\n\x1f\x8b\x08\n").unwrap_err().to_string();
    assert!(why.starts_with("line 2: this is not text"), "{why}");
}
