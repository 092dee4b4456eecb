//! What came of a load.

use longsync_load::Load;

use super::Settings;

/// The result of a load, with what it was asked to do.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// What it was asked to do.
    pub settings: Settings,
    /// What was measured.
    pub load: Load,
}
