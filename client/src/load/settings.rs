//! What a load was asked to do.

use std::collections::BTreeMap;

use longsync_stats::{Loop, Threshold};

/// What a load was asked to do: everything that is needed to do it again.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// What the run is called.
    pub name: Option<String>,
    /// What its user notes beside it.
    pub tags: BTreeMap<String, String>,
    /// The server, as a URL.
    pub url: String,
    /// What its chances are drawn by.
    pub seed: u64,
    /// Whether a call begins when another has ended; else each has a due time.
    pub is_closed: bool,
    /// What the run must reach.
    pub thresholds: Vec<Threshold>,
    /// How many calls may be in flight; in a closed loop, how many are.
    pub max_in_flight: u64,
}

impl Settings {
    /// What makes the run send its next call.
    pub fn kind(&self) -> Loop {
        if self.is_closed { Loop::Closed } else { Loop::Open }
    }
}
