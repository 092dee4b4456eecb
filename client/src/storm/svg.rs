//! A storm as an SVG picture.

use crate::chart;
use crate::storm::lesson::lesson;
use crate::storm::outcome::Storm;
use crate::storm::picture::plots;
use crate::storm::words::{headline, setup};

/// A storm as an SVG document.
pub fn to_svg(storm: &Storm) -> String {
    let description = format!("{}. {}", setup(&storm.plan), lesson(storm));
    chart::to_svg(&headline(&storm.plan), &description, &plots(storm))
}
