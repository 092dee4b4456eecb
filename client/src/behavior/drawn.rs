//! Selects the laws of a behavior that are drawn.

use longsync_behavior::explain::DelayFigures;

use super::BehaviorReport;
use super::curves::LawCurve;

/// The most attempts that are drawn.
const MOST_DRAWN: usize = 3;

/// The laws that are drawn, each with its name.
pub(super) fn laws(report: &BehaviorReport) -> Vec<(String, LawCurve<'_>)> {
    let law = |figures: &DelayFigures| {
        let name = match (&report.fitting, report.figures.len()) {
            (Some(_), _) => "law".to_owned(),
            (None, 1) => "delay".to_owned(),
            (None, _) => figures.attempts(),
        };
        (name, LawCurve::new(report.behavior.delays(figures.first)))
    };
    report.figures.iter().take(MOST_DRAWN).map(law).collect()
}

/// A sentence about the attempts that are not drawn.
pub(super) fn undrawn(report: &BehaviorReport) -> Option<String> {
    let first = report.figures.get(MOST_DRAWN)?;
    Some(format!("attempts from {} on are not in the pictures", first.first))
}
