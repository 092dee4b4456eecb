//! A load as pictures in SVG: how long calls took at each percentile, and what happened over time.

mod over_time;
mod percentiles;

use super::report::Report;
use super::text::{headline, outcome};
use crate::chart;

/// The pictures of a load as an SVG document, for light and dark. Pictures of what did not happen are left out: a
/// run without errors has none of them.
pub fn to_svg(report: &Report) -> String {
    let headline = headline(report);
    let mut plots = Vec::new();
    plots.extend(percentiles::plot(report));
    plots.extend(over_time::plots(report));
    chart::to_svg(&headline, &description(report), &plots)
}

/// For readers who hear the pictures.
fn description(report: &Report) -> String {
    let mut description = format!("{}.", outcome(report));
    for sentence in percentiles::sentences(report) {
        description.push(' ');
        description.push_str(&sentence);
    }
    description
}
