//! The interval log of a load, for `HdrHistogram`'s own readers and tools built on them.

use std::io;
use std::time::{Duration, SystemTime};

use longsync_stats::{Counts, Figure, LogWriter};

use super::record::SCHEMA;
use super::report::Report;

/// Writes the log: for each interval of the run, what a caller experiences (response time, or service time in
/// a closed loop) without a tag, and every other figure that has values under its name as the tag. Readers
/// that add up lines without a tag thus find only the first. The sum of the intervals is the complete run.
///
/// Histograms contain only values. Comments give the number of calls without one: for the run at the
/// beginning, and for each interval before its lines.
///
/// # Errors
/// If it cannot be written.
pub fn write_hdr(report: &Report, out: impl io::Write) -> io::Result<()> {
    let load = &report.load;
    let started_at = load.started_at.duration_since(SystemTime::UNIX_EPOCH);
    let mut log = LogWriter::new(out, started_at.unwrap_or(Duration::ZERO))?;
    let without = without_values(&load.figures.counts);
    log.comment(&format!("[longsync {without} schema={SCHEMA}]"))?;
    let main = report.main_figure();
    for (number, interval) in load.intervals.iter().enumerate() {
        let without = without_values(&interval.counts);
        log.comment(&format!("[longsync interval={number} {without} schema={SCHEMA}]"))?;
        log.kept(None, interval, main)?;
        for figure in Figure::ALL.into_iter().filter(|figure| *figure != main) {
            if interval.encoded(figure).is_some() {
                log.kept(Some(figure.name()), interval, figure)?;
            }
        }
    }
    log.finish().map(drop)
}

/// Counts of the calls that are in no histogram of good calls.
fn without_values(counts: &Counts) -> String {
    let (not_sent, unfinished) = (counts.not_sent.total(), counts.unfinished);
    format!("not_sent={not_sent} unfinished={unfinished} failed={}", counts.failed())
}
