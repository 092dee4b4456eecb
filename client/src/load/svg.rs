//! A load as pictures in SVG: how long calls took at each percentile, and what happened over time.

mod over_time;
mod percentiles;

use super::report::Report;
use super::text::{headline, outcome};
use crate::chart;

/// The pictures of a load as one SVG document, for light and dark themes. Pictures without content are left
/// out: a run without errors has no picture of them.
pub fn to_svg(report: &Report) -> String {
    let headline = headline(report);
    let mut plots = Vec::new();
    plots.extend(percentiles::plot(report));
    plots.extend(over_time::plots(report));
    chart::to_svg(&headline, &description(report), &plots)
}

/// A description for screen readers.
fn description(report: &Report) -> String {
    let mut description = format!("{}.", outcome(report));
    for sentence in percentiles::sentences(report) {
        description.push(' ');
        description.push_str(&sentence);
    }
    description
}
