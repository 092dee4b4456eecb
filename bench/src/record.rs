//! The record of a run that `longsync-client load --json` prints, as far as the benchmarks need it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::measure::read;

/// The part of a record (schema `longsync.load/v1`) that is read.
#[derive(Debug, Deserialize)]
pub(crate) struct LoadRecord {
    pub(crate) took_ns: u64,
    counts: RecordedCounts,
    figures: BTreeMap<String, Option<RecordedFigure>>,
}

#[derive(Debug, Deserialize)]
struct RecordedCounts {
    due: u64,
    good: u64,
}

#[derive(Debug, Deserialize)]
struct RecordedFigure {
    percentiles: BTreeMap<String, RecordedPercentile>,
}

#[derive(Debug, Deserialize)]
struct RecordedPercentile {
    value_ns: Option<i64>,
}

impl LoadRecord {
    /// Reads the output of the command.
    pub(crate) fn read(lines: &[String]) -> anyhow::Result<Self> {
        read(&lines.join("\n"))
    }

    /// How many calls were good, if all that were due were.
    pub(crate) fn all_good(&self) -> anyhow::Result<u64> {
        let RecordedCounts { due, good } = self.counts;
        anyhow::ensure!(due == good, "only {good} of {due} calls were good");
        Ok(good)
    }

    /// A percentile of a figure in nanoseconds, such as `p99` of `lag`; [`None`] if it was not measured, or
    /// is below zero or beyond the recorded values.
    pub(crate) fn percentile_ns(&self, figure: &str, percentile: &str) -> Option<i64> {
        self.figures.get(figure)?.as_ref()?.percentiles.get(percentile)?.value_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{
        "schema": "longsync.load/v1",
        "took_ns": 10000000000,
        "counts": { "due": 20, "good": 20, "failed": 0 },
        "figures": {
            "failed_service_time": null,
            "lag": { "count": 20, "percentiles": { "p50": { "value_ns": 2600, "marked": false } } },
            "added": { "count": 20, "percentiles": { "p50": { "value_ns": null, "below_zero": true } } }
        }
    }"#;

    #[test]
    fn a_percentile_is_read_if_it_was_measured() {
        let lines: Vec<String> = PRINTED.lines().map(str::to_owned).collect();
        let record = LoadRecord::read(&lines).unwrap();
        assert_eq!((record.took_ns, record.all_good().unwrap()), (10_000_000_000, 20));
        assert_eq!(record.percentile_ns("lag", "p50"), Some(2_600));
        for (figure, percentile) in
            [("lag", "p99"), ("added", "p50"), ("failed_service_time", "p50"), ("no", "p50")]
        {
            assert_eq!(record.percentile_ns(figure, percentile), None, "{figure} {percentile}");
        }
    }

    #[test]
    fn a_run_with_a_call_that_was_not_good_is_not_a_measurement() {
        let printed = PRINTED.replace(r#""good": 20"#, r#""good": 19"#);
        let why = LoadRecord::read(&[printed]).unwrap().all_good().unwrap_err();
        assert_eq!(why.to_string(), "only 19 of 20 calls were good");
    }
}
