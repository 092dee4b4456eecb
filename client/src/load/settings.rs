//! What a load was asked to do.

use std::collections::BTreeMap;

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
}
