//! What came of a load.

use std::sync::OnceLock;
use std::time::SystemTime;

use longsync_load::{Load, RunEnd};
use longsync_stats::{
    Evidence, Figure, Figures, ProcessorTime, ThresholdResult, TransportFailure, Verdict,
};

use super::latency::Latency;
use super::settings::Settings;

/// The result of a load, with what it was asked to do.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// What it was asked to do.
    pub settings: Settings,
    /// What was measured.
    pub load: Load,
    /// Whether it was not even begun; then the reason is the only text of an error.
    pub never_started: bool,
    /// What was computed of it: text, pictures and records need the same.
    latencies: [OnceLock<Box<Latency>>; Figure::ALL.len()],
}

impl Report {
    /// The result of a load that was asked to do this.
    pub fn new(settings: Settings, load: Load) -> Self {
        let latencies = <[OnceLock<Box<Latency>>; Figure::ALL.len()]>::default();
        Self { settings, load, never_started: false, latencies }
    }

    /// Of a load that could not be begun, for this reason: readers of records get one.
    pub fn not_started(settings: Settings, why: &str) -> Self {
        let mut load = Load::of(Figures::default(), Vec::new());
        load.started_at = SystemTime::now();
        load.connections = 0;
        load.texts.add(why);
        Self { never_started: true, ..Self::new(settings, load) }
    }

    /// A figure at the percentiles of reports, and how sure they are. Only the first call takes time.
    pub(super) fn latency(&self, figure: Figure) -> &Latency {
        self.latencies[figure as usize]
            .get_or_init(|| Box::new(Latency::of(&self.load, figure, self.settings.seed)))
    }

    /// What is shown side by side: response time if calls were due, service time, and what was added if servers have
    /// said how long they waited.
    pub(super) fn shown(&self) -> Vec<&Latency> {
        let main = self.main_figure();
        let mut shown = vec![main];
        let others = [Figure::ServiceTime, Figure::Added].into_iter();
        let has_values = |figure: &Figure| self.load.figures.get(*figure).count() > 0;
        shown.extend(others.filter(|it| *it != main && has_values(it)));
        shown.into_iter().map(|figure| self.latency(figure)).collect()
    }

    /// What a caller feels: the response time, or the service time in a closed loop, where no call is due.
    pub(super) fn main_figure(&self) -> Figure {
        if self.settings.is_closed { Figure::ServiceTime } else { Figure::ResponseTime }
    }

    /// Whether the client set the pace of the run, and why.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(&Evidence {
            kind: self.settings.kind(),
            figures: &self.load.figures,
            // Not those that workers have counted: one may be lost.
            due: self.load.intervals.iter().map(|interval| interval.due).sum(),
            processors: self
                .load
                .workers
                .as_deref()
                .map(|workers| ProcessorTime { workers, steal: self.load.steal }),
        })
    }

    /// Each threshold, and whether the run has reached it.
    pub fn thresholds(&self) -> Vec<ThresholdResult> {
        let Load { figures, recorded, .. } = &self.load;
        let kind = self.settings.kind();
        let checked = self.settings.thresholds.iter();
        checked.map(|threshold| threshold.check(kind, figures, *recorded)).collect()
    }

    /// How many calls the server has answered, in whatever way: their status is its own.
    fn answered(&self) -> u64 {
        let counts = &self.load.figures.counts;
        let unanswered = TransportFailure::ALL.into_iter().map(|how| counts.broken(how));
        counts.ended().saturating_sub(unanswered.sum::<u64>()).saturating_sub(counts.cut)
    }

    /// Whether it failed as a run: its server was lost for good, or gave no answer at all.
    pub fn has_failed(&self) -> bool {
        let is_answered = self.answered() > 0 || self.load.figures.counts.good > 0;
        self.load.end == RunEnd::Unreachable || !is_answered
    }

    /// Whether a threshold was not reached, or a rule has ended the run.
    pub fn has_missed_thresholds(&self) -> bool {
        matches!(self.load.end, RunEnd::StopRule(_))
            || self.thresholds().iter().any(|checked| !checked.has_passed)
    }
}
