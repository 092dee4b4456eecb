//! Writes interval logs, which `HdrHistogram`'s readers and the programs around it accept.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longsync_text::said::{printable, quoted};

use crate::distribution::Distribution;
use crate::figures::Figure;
use crate::interval::Interval;
use crate::moment::whole_nanos;

const COLUMN_NAMES: &str =
    r#""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#;
/// The decimals of a second that is written to the nanosecond.
const SECONDS: usize = 9;
/// The column with the maximum is in milliseconds, as is usual for `HdrHistogram`.
const MILLISECONDS: usize = 6;
/// Readers expect at least this many.
const FEWEST_DECIMALS: usize = 3;

/// Writes an interval log of `HdrHistogram`, version 1.3: one line per interval and tag.
#[derive(Debug)]
pub struct LogWriter<W> {
    out: W,
}

impl<W: io::Write> LogWriter<W> {
    /// Begins a log. `start` is when the run started, since the Unix epoch; the intervals' own starts are
    /// counted from it.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn new(mut out: W, start: Duration) -> io::Result<Self> {
        let start = decimal(whole_nanos(start), SECONDS);
        writeln!(out, "#[Histogram log format version 1.3]")?;
        writeln!(out, "#[StartTime: {start} (seconds since epoch)]")?;
        // Without it readers guess whether the intervals' starts are counted from the epoch.
        writeln!(out, "#[BaseTime: {start} (seconds since epoch)]")?;
        writeln!(out, "{COLUMN_NAMES}")?;
        Ok(Self { out })
    }

    /// Writes a line that readers skip. Line breaks in it, and other invisible characters, are written as
    /// escapes, such as `\n`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn comment(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "#{}", printable(text))
    }

    /// Writes the values of an interval, which began `start_ns` nanoseconds after the run's start and took
    /// `length_ns`. Values below zero or beyond are not in a log: a [comment](Self::comment) can report them.
    ///
    /// # Errors
    /// When it cannot be written; with [`io::ErrorKind::InvalidInput`] when the tag is empty, or has a comma,
    /// white space or an invisible character.
    pub fn interval(
        &mut self,
        tag: Option<&str>,
        start_ns: u64,
        length_ns: u64,
        values: &Distribution,
    ) -> io::Result<()> {
        self.line(tag, [start_ns, length_ns], values.longest(), &values.to_v2_deflate())
    }

    /// Writes one figure of an interval, which is kept in the form in which a log has it.
    ///
    /// # Errors
    /// Like those of [`interval`](Self::interval).
    pub fn kept(
        &mut self,
        tag: Option<&str>,
        interval: &Interval,
        figure: Figure,
    ) -> io::Result<()> {
        let times = [interval.start, interval.length].map(whole_nanos);
        match interval.encoded(figure) {
            Some(encoded) => self.line(tag, times, interval.longest(figure), encoded),
            None => self.line(tag, times, None, &Distribution::default().to_v2_deflate()),
        }
    }

    fn line(
        &mut self,
        tag: Option<&str>,
        [start_ns, length_ns]: [u64; 2],
        longest: Option<Duration>,
        encoded: &[u8],
    ) -> io::Result<()> {
        if let Some(tag) = tag {
            write!(self.out, "Tag={},", checked(tag)?)?;
        }
        writeln!(
            self.out,
            "{},{},{},{}",
            decimal(start_ns, SECONDS),
            decimal(length_ns, SECONDS),
            decimal(longest.map_or(0, whole_nanos), MILLISECONDS),
            STANDARD.encode(encoded)
        )
    }

    /// Flushes the log and returns its writer.
    ///
    /// # Errors
    /// When it cannot be flushed.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Refuses a tag that would break its line, in which it is between `=` and a comma.
fn checked(tag: &str) -> io::Result<&str> {
    let is_apart = |c: char| c == ',' || c.is_whitespace();
    if tag.is_empty() || tag.contains(is_apart) || printable(tag) != tag {
        let why = format!(
            "{} is not a tag of a histogram log: write a word without commas or blanks",
            quoted(tag)
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(tag)
}

/// A number of units of 10^-`decimals`, with as many decimals as it needs, but at least three.
fn decimal(number: u64, decimals: usize) -> String {
    let digits = format!("{number:0>width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let needed = fraction.trim_end_matches('0').len().max(FEWEST_DECIMALS);
    format!("{whole}.{}", &fraction[..needed])
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use proptest::prelude::*;

    use super::*;
    use crate::{Bucket, Figures, RecordedDurations};

    const START: Duration = Duration::from_millis(1_796_000_000_250);

    fn of(values: &[u64]) -> Distribution {
        let mut distribution = Distribution::default();
        for nanos in values {
            distribution.record(i64::try_from(*nanos).unwrap());
        }
        distribution
    }

    /// A log of seconds, each of which has the same values twice, once with a tag.
    fn log(seconds: &[Vec<u64>]) -> Vec<u8> {
        let mut log = LogWriter::new(Vec::new(), START).unwrap();
        log.comment("[Logged by a test]").unwrap();
        for (second, values) in (0..).zip(seconds) {
            for tag in [None, Some("service_time")] {
                log.interval(tag, second * 1_000_000_000, 1_000_000_000, &of(values)).unwrap();
            }
        }
        log.finish().unwrap()
    }

    fn seconds() -> impl Strategy<Value = Vec<Vec<u64>>> {
        let value = (0_u32..47, any::<u64>()).prop_map(|(bits, value)| value >> (63 - bits));
        let value = value.prop_map(|nanos| nanos.min(86_400_000_000_000));
        proptest::collection::vec(proptest::collection::vec(value, 0..40), 1..5)
    }

    fn buckets(histogram: &Histogram<u64>) -> Vec<Bucket> {
        let steps = histogram.iter_recorded().map(|step| Bucket {
            from_ns: histogram.lowest_equivalent(step.value_iterated_to()),
            to_ns: histogram.highest_equivalent(step.value_iterated_to()),
            count: step.count_at_value(),
        });
        steps.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The crate's reader finds each interval with its tag, times, and counts.
        #[test]
        fn the_crate_reads_the_log(seconds in seconds()) {
            let log = log(&seconds);
            let mut intervals = IntervalLogIterator::new(&log).filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(interval) => Some(interval),
                _ => None,
            });
            for (second, values) in (0..).zip(&seconds) {
                for tag in [None, Some("service_time")] {
                    let interval = intervals.next().unwrap();
                    prop_assert_eq!(interval.tag().map(|tag| tag.as_str()), tag);
                    prop_assert_eq!(interval.start_timestamp(), Duration::from_secs(second));
                    prop_assert_eq!(interval.duration(), Duration::from_secs(1));
                    let longest = of(values).longest().unwrap_or_default().as_secs_f64() * 1e3;
                    prop_assert!((interval.max() - longest).abs() <= longest * 1e-9);
                    let bytes = STANDARD.decode(interval.encoded_histogram()).unwrap();
                    let read = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                    prop_assert_eq!(buckets(&read), of(values).buckets().collect::<Vec<_>>());
                }
            }
            prop_assert!(intervals.next().is_none());
        }

        /// Our own reader adds up everything that was written.
        #[test]
        fn what_is_written_is_read(seconds in seconds()) {
            let mut expected = of(&seconds.concat());
            expected.merge(&expected.clone());
            let Ok(recorded) = RecordedDurations::read(&log(&seconds)) else {
                prop_assert_eq!(expected.count(), 0);
                return Ok(());
            };
            let buckets = expected.buckets().map(|bucket| (bucket.middle_ns(), bucket.count));
            prop_assert!(buckets.eq(recorded.values().iter().copied()));
        }
    }

    #[test]
    fn a_kept_interval_is_written_as_its_values_are() {
        let mut figures = Figures::default();
        figures.added.record(1_234_567);
        let second = Duration::from_secs(1);
        let interval = Interval::new(second * 2, second, 1, 0, &figures);
        let log = |write: fn(&mut LogWriter<Vec<u8>>, &Interval) -> io::Result<()>| {
            let mut log = LogWriter::new(Vec::new(), START).unwrap();
            write(&mut log, &interval).unwrap();
            log.finish().unwrap()
        };
        let kept = log(|log, interval| {
            log.kept(None, interval, Figure::Lag)?;
            log.kept(Some("added"), interval, Figure::Added)
        });
        let values = log(|log, _| {
            log.interval(None, 2_000_000_000, 1_000_000_000, &of(&[]))?;
            log.interval(Some("added"), 2_000_000_000, 1_000_000_000, &of(&[1_234_567]))
        });
        assert_eq!(kept, values);
    }

    #[test]
    fn a_log_is_lines_that_people_can_read() {
        let mut log = LogWriter::new(Vec::new(), START).unwrap();
        log.comment("[longsync not_sent=403]").unwrap();
        log.comment("two\nlines\r\u{1b}[31m").unwrap();
        log.interval(Some("added"), 1_500_000_000, 999_999_999, &of(&[1_234_567])).unwrap();
        let log = String::from_utf8(log.finish().unwrap()).unwrap();
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(
            lines[..6],
            [
                "#[Histogram log format version 1.3]",
                "#[StartTime: 1796000000.250 (seconds since epoch)]",
                "#[BaseTime: 1796000000.250 (seconds since epoch)]",
                "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"",
                "#[longsync not_sent=403]",
                "#two\\nlines\\r\\u{1b}[31m",
            ]
        );
        assert!(
            lines[6].starts_with("Tag=added,1.500,0.999999999,1.234567,HISTFAAAA"),
            "{}",
            lines[6]
        );
        assert_eq!(lines.len(), 7);
    }

    #[test]
    fn a_tag_that_would_spoil_its_line_is_refused() {
        let mut log = LogWriter::new(Vec::new(), START).unwrap();
        for tag in ["", "a,b", "a b", "a\n", "a\u{2028}b", "\u{1b}"] {
            let why = log.interval(Some(tag), 0, 1, &of(&[])).unwrap_err();
            assert_eq!(why.kind(), io::ErrorKind::InvalidInput);
            assert!(
                why.to_string().contains("is not a tag of a histogram log: write a word"),
                "{why}"
            );
        }
        let log = log.finish().unwrap();
        assert!(
            log.ends_with(b"Interval_Compressed_Histogram\"\n"),
            "nothing was written for them"
        );
    }

    #[test]
    fn numbers_keep_the_decimals_that_they_need() {
        for (number, decimals, text) in [
            (0, SECONDS, "0.000"),
            (1, SECONDS, "0.000000001"),
            (1_000_000_000, SECONDS, "1.000"),
            (u64::MAX, SECONDS, "18446744073.709551615"),
            (1, MILLISECONDS, "0.000001"),
            (2_500_000, MILLISECONDS, "2.500"),
        ] {
            assert_eq!(decimal(number, decimals), text);
        }
    }
}
