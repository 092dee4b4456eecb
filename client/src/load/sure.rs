//! How sure the percentiles of a run are.

use longsync_stats::{Confidence, Distribution, Figure, Span, Sparse};

use super::report::Report;
use crate::figures::nanos;

/// What says how sure the percentiles of a figure are, all of whose values are given. It takes most of a
/// report's time: the values of all intervals are looked at.
pub(super) fn confidence(report: &Report, figure: Figure, values: &Distribution) -> Confidence {
    let load = &report.load;
    let intervals = load.intervals.iter().map(|interval| {
        let mut values = interval.distribution(figure);
        if figure == Figure::ResponseTime {
            values.add_beyond(interval.counts.without_answer());
        }
        sparse(&values)
    });
    let interval = load.intervals.first().map_or(load.recorded, |interval| interval.length);
    let span = Span { interval, recorded: load.recorded };
    Confidence::new(&sparse(values), intervals, span, report.settings.seed)
}

fn sparse(values: &Distribution) -> Sparse {
    let edge = |end: Option<_>| end.map_or(0, nanos);
    Sparse {
        buckets: values.buckets().collect(),
        below_zero: values.below_zero(),
        beyond: values.beyond(),
        shortest_ns: edge(values.shortest()),
        longest_ns: edge(values.longest()),
    }
}
