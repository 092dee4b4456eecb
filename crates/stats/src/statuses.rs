//! Which statuses are good.

use crate::status_code::StatusCode;

/// The statuses with which a call is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoodStatuses(u32);

impl Default for GoodStatuses {
    /// `OK` alone.
    fn default() -> Self {
        Self::of([StatusCode::OK])
    }
}

impl GoodStatuses {
    /// These statuses.
    pub fn of(codes: impl IntoIterator<Item = StatusCode>) -> Self {
        Self(codes.into_iter().fold(0, |set, code| set | 1 << code.index()))
    }

    /// Whether a call that ended with this one is good.
    #[inline]
    pub fn contains(self, code: StatusCode) -> bool {
        self.0 & 1 << code.index() != 0
    }

    /// The statuses, in the order of their numbers.
    pub fn codes(self) -> impl Iterator<Item = StatusCode> {
        StatusCode::all().filter(move |code| self.contains(*code))
    }
}
