//! The interval log of a load, for `HdrHistogram`'s own readers and the programs around it.

use std::io;
use std::time::{Duration, SystemTime};

use longsync_stats::{Counts, Figure, LogWriter};

use super::record::SCHEMA;
use super::report::Report;

/// Writes the log: for each interval of the run, what a caller feels (response time, or service time in a closed loop)
/// without a tag, and every other figure that has values with its name as its tag. Readers that sum over tags so
/// find the first alone. Added up, the intervals are the whole run.
///
/// Histograms hold only values. How many calls have none is in comments: of the run at the beginning, and of each
/// interval before its lines.
///
/// # Errors
/// When it cannot be written.
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

/// Calls that no histogram of good calls holds.
fn without_values(counts: &Counts) -> String {
    let (not_sent, unfinished) = (counts.not_sent.total(), counts.unfinished);
    format!("not_sent={not_sent} unfinished={unfinished} failed={}", counts.failed())
}
