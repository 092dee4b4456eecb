//! The observers of a running load.

use longsync_load::{Live, Observer};

use super::live::LiveBoard;
use super::metrics::MetricsBoard;

/// The observers of a running load, each if it is enabled.
#[derive(Debug, Clone, Default)]
pub struct Watchers {
    /// The live lines on a terminal.
    pub live: Option<LiveBoard>,
    /// The metrics.
    pub metrics: Option<MetricsBoard>,
}

impl Observer for Watchers {
    fn second(&mut self, live: &Live<'_>) {
        if let Some(board) = &mut self.live {
            board.second(live);
        }
        if let Some(metrics) = &mut self.metrics {
            metrics.second(live);
        }
    }
}
