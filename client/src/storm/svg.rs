//! A storm as an SVG picture.

use crate::chart;
use crate::storm::lesson::lesson;
use crate::storm::outcome::Storm;
use crate::storm::picture::{plots, standing_plots};
use crate::storm::words::{headline, setup};

/// A storm as an SVG document.
pub fn to_svg(storm: &Storm) -> String {
    let description = format!("{}. {}", setup(&storm.plan), lesson(storm));
    let of_each_way = plots(storm).into_iter().zip(standing_plots(storm));
    let all = of_each_way.flat_map(|(calls, standing)| [calls, standing]).collect::<Vec<_>>();
    chart::to_svg(&headline(&storm.plan), &description, &all)
}
