//! The pictures of a behavior: how often each delay is drawn, and the delay by percentile.

use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::said::shortened;

use super::BehaviorReport;
use super::atoms::Atom;
use super::curves::{LawCurve, NINES};
use super::drawn::laws;
use super::sentences::sentences;
use crate::chart::{self, Axis, Plot, Series, nanoseconds};

/// The most that atoms rise above everything else, as a factor.
const ABOVE: f64 = 1.25;
/// The most characters of a text that a headline shows.
const HEADLINE: usize = 160;

/// The pictures as an SVG document. If every delay is zero, it has only a headline.
pub fn to_svg(report: &BehaviorReport) -> String {
    let text = report.behavior.text();
    let laws = laws(report);
    let mut description = text.to_owned();
    for sentence in sentences(report, &laws) {
        description.push_str(". ");
        description.push_str(&sentence);
    }
    // The text of a fitted law is long.
    let fitted = report.fitting.as_ref().and_then(|fitting| fitting.lines().into_iter().next());
    let headline = fitted.unwrap_or_else(|| shortened(text, HEADLINE));
    chart::to_svg(&headline, &description, &plots(report, &laws))
}

/// The density above the quantile curve; neither, if a logarithmic axis can show none of the delays.
pub(super) fn plots(report: &BehaviorReport, laws: &[(String, LawCurve<'_>)]) -> Vec<Plot> {
    if laws.iter().any(|(_, law)| law.is_drawn()) {
        vec![density(report, laws), quantiles(report, laws)]
    } else {
        Vec::new()
    }
}

fn density(report: &BehaviorReport, laws: &[(String, LawCurve<'_>)]) -> Plot {
    let drawn = || laws.iter().filter(|(_, law)| law.is_drawn());
    let mut curves: Vec<_> = drawn().map(|(name, law)| (name, law, law.density())).collect();
    let peak = curves.iter().flat_map(|(.., curve)| curve).map(|it| it.1).fold(0.0, f64::max);
    let widest = drawn().map(|(_, law)| law.piece()).fold(0.0, f64::max);
    let mut series = Vec::new();
    for (name, _, curve) in curves.iter_mut().filter(|(.., curve)| is_spread(curve)) {
        series.push(Series::area(name.as_str(), grounded(curve)));
    }
    if let (Some(fitting), Some((_, law, _))) = (&report.fitting, curves.first()) {
        let data = fitting.density(law.range());
        series.extend((data.len() > 1 && peak > 0.0).then(|| Series::line("data", data)));
    }
    for (name, law) in drawn().filter(|(_, law)| !law.atoms.is_empty()) {
        let of = if laws.len() > 1 { format!("{name}, ") } else { String::new() };
        let name = format!("{of}exactly {}", named(&law.atoms));
        series.push(Series::area(name, spikes(law, peak, widest)));
    }
    let heights = curves.iter().flat_map(|(.., curve)| curve).map(|it| it.1);
    let has_atoms = drawn().any(|(_, law)| !law.atoms.is_empty());
    let top = if has_atoms && peak > 0.0 { ABOVE * peak } else { 0.0 };
    let least = if peak > 0.0 { 0.0 } else { 1.0 };
    let ranges = drawn().flat_map(|(_, law)| law.range());
    let atoms = drawn().flat_map(|(_, law)| law.atoms.iter().map(|atom| atom.delay));
    Plot {
        title: "how often each delay is drawn".to_owned(),
        x: Axis::log(ranges.chain(atoms)),
        y: Axis::heights(heights.chain([top, least])),
        series,
    }
}

/// The delays of the atoms, if they are few.
fn named(atoms: &[Atom]) -> String {
    const MOST_NAMED: usize = 3;
    if atoms.len() > MOST_NAMED {
        return "one of several delays".to_owned();
    }
    let delays: Vec<_> = atoms.iter().map(|atom| text(atom.delay)).collect();
    delays.join(" or ")
}

fn is_spread(curve: &[(f64, f64)]) -> bool {
    curve.iter().any(|(_, height)| *height > 0.0)
}

/// A curve that starts and ends at zero.
fn grounded(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let ground = |end: Option<&(f64, f64)>| end.map(|(x, _)| (*x, 0.0));
    let (first, last) = (ground(curve.first()), ground(curve.last()));
    first.into_iter().chain(curve.iter().copied()).chain(last).collect()
}

/// Atoms as spikes, as high as their shares would be in one piece of the density, but not much above its
/// peak. If there are only atoms, the heights are the shares.
fn spikes(law: &LawCurve<'_>, peak: f64, piece: f64) -> Vec<(f64, f64)> {
    /// Half of a spike's width, as a factor.
    const HALF: f64 = 1.012;
    let height = |share: f64| if peak > 0.0 { (share / piece).min(ABOVE * peak) } else { share };
    let spike = |nanos: f64, height| {
        let (from, to) = (nanos / HALF, nanos * HALF);
        [(from, 0.0), (from, height), (to, height), (to, 0.0)]
    };
    law.atoms.iter().flat_map(|atom| spike(nanoseconds(atom.delay), height(atom.share))).collect()
}

fn quantiles(report: &BehaviorReport, laws: &[(String, LawCurve<'_>)]) -> Plot {
    let mut heights: Vec<Duration> = laws.iter().flat_map(|(_, law)| law.height()).collect();
    let mut series: Vec<_> =
        laws.iter().map(|(name, law)| Series::line(name.as_str(), law.quantiles())).collect();
    if let Some(fitting) = &report.fitting {
        series.push(Series::line("data", fitting.quantiles()));
    }
    if let Some(patience) = &report.patience {
        let (deadline, name) =
            (patience.deadline.value(), format!("deadline {}", patience.deadline));
        heights.push(deadline);
        let ends = [0.0, 1.0].map(|share| (share, nanoseconds(deadline)));
        series.push(Series::line(name, ends));
    }
    Plot {
        title: "delay by percentile".to_owned(),
        x: Axis::percentiles(NINES),
        y: Axis::log(heights),
        series,
    }
}
