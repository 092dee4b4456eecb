//! The result of a load.

use std::sync::OnceLock;
use std::time::SystemTime;

use longsync_load::{Load, RunEnd};
use longsync_stats::{
    Evidence, Figure, Figures, ProcessorTime, ThresholdResult, TransportFailure, Verdict,
};

use super::latency::Latency;
use super::settings::Settings;

/// The result of a load, with its settings.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// What the run was asked to do.
    pub settings: Settings,
    /// What was measured.
    pub load: Load,
    /// Whether it did not even begin; then the reason is the only error text.
    pub never_started: bool,
    /// Computed on first use, as text, JSON and pictures all need it.
    latencies: [OnceLock<Box<Latency>>; Figure::ALL.len()],
}

impl Report {
    /// The result of a load with these settings.
    pub fn new(settings: Settings, load: Load) -> Self {
        let latencies = <[OnceLock<Box<Latency>>; Figure::ALL.len()]>::default();
        Self { settings, load, never_started: false, latencies }
    }

    /// The result of a load that could not begin, for this reason: readers of records always get one.
    pub fn not_started(settings: Settings, why: &str) -> Self {
        let mut load = Load::of(Figures::default(), Vec::new());
        load.started_at = SystemTime::now();
        load.connections = 0;
        load.texts.add(why);
        Self { never_started: true, ..Self::new(settings, load) }
    }

    /// A figure at the percentiles of reports, with the confidence intervals. Only the first use takes time.
    pub(super) fn latency(&self, figure: Figure) -> &Latency {
        self.latencies[figure as usize]
            .get_or_init(|| Box::new(Latency::of(&self.load, figure, self.settings.seed)))
    }

    /// The columns of the table: response time if calls were due, service time, and added if servers
    /// reported how long calls waited.
    pub(super) fn shown(&self) -> Vec<&Latency> {
        let main = self.main_figure();
        let mut shown = vec![main];
        let others = [Figure::ServiceTime, Figure::Added].into_iter();
        let has_values = |figure: &Figure| self.load.figures.get(*figure).count() > 0;
        shown.extend(others.filter(|it| *it != main && has_values(it)));
        shown.into_iter().map(|figure| self.latency(figure)).collect()
    }

    /// What a caller experiences: the response time, or the service time in a closed loop, in which no call
    /// is due.
    pub(super) fn main_figure(&self) -> Figure {
        if self.settings.is_closed { Figure::ServiceTime } else { Figure::ResponseTime }
    }

    /// Whether the client was the bottleneck of the run, and why.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(&Evidence {
            kind: self.settings.kind(),
            figures: &self.load.figures,
            // Not the number that workers have counted: a worker may have been lost.
            due: self.load.intervals.iter().map(|interval| interval.due).sum(),
            processors: self
                .load
                .workers
                .as_deref()
                .map(|workers| ProcessorTime { workers, steal: self.load.steal }),
        })
    }

    /// Each threshold, and whether the run has met it.
    pub fn thresholds(&self) -> Vec<ThresholdResult> {
        let Load { figures, recorded, .. } = &self.load;
        let kind = self.settings.kind();
        let checked = self.settings.thresholds.iter();
        checked.map(|threshold| threshold.check(kind, figures, *recorded)).collect()
    }

    /// How many calls the server has answered, with any status of its own.
    fn answered(&self) -> u64 {
        let counts = &self.load.figures.counts;
        let unanswered = TransportFailure::ALL.into_iter().map(|how| counts.broken(how));
        counts.ended().saturating_sub(unanswered.sum::<u64>()).saturating_sub(counts.cut)
    }

    /// Whether it failed as a run: its server was lost for good, or answered no call at all.
    pub fn has_failed(&self) -> bool {
        let is_answered = self.answered() > 0 || self.load.figures.counts.good > 0;
        self.load.end == RunEnd::Unreachable || !is_answered
    }

    /// Whether a threshold was not met, or a rule ended the run.
    pub fn has_missed_thresholds(&self) -> bool {
        matches!(self.load.end, RunEnd::StopRule(_))
            || self.thresholds().iter().any(|checked| !checked.has_passed)
    }
}
