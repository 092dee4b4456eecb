//! Why a text or a file is not a schedule.

use std::borrow::Cow;

use longsync_text::said::printable;

/// Why a text or a file is not a schedule, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScheduleError(String);

impl ScheduleError {
    pub(super) fn new(why: String) -> Self {
        Self(match printable(&why) {
            Cow::Borrowed(_) => why,
            Cow::Owned(shown) => shown,
        })
    }
}
