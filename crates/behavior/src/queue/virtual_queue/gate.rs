//! When service may begin.

use std::time::Duration;

use super::NEVER;
use crate::stall::Stall;

/// Tells when service may begin. Services that have begun are not interrupted.
pub trait Gate {
    /// The first moment from `at` on at which service may begin: `at` if the gate is open, and [`u64::MAX`] if
    /// it never opens.
    fn opens_at(&self, at: u64) -> u64;
}

/// A gate that is always open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlwaysOpen;

impl Gate for AlwaysOpen {
    fn opens_at(&self, at: u64) -> u64 {
        at
    }
}

/// Open if there is none.
impl<G: Gate> Gate for Option<G> {
    fn opens_at(&self, at: u64) -> u64 {
        self.as_ref().map_or(at, |gate| gate.opens_at(at))
    }
}

/// A gate that is closed during the windows of a stall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StallGate {
    stall: Stall,
    origin: u64,
}

impl StallGate {
    /// The windows are counted from `origin`, in nanoseconds on the queue's clock. A moment before it counts as
    /// the origin.
    pub fn new(stall: Stall, origin: u64) -> Self {
        Self { stall, origin }
    }
}

impl Gate for StallGate {
    fn opens_at(&self, at: u64) -> u64 {
        let counted = at.max(self.origin);
        let queued = self.stall.queued_at(Duration::from_nanos(counted - self.origin));
        if queued.is_zero() {
            return at;
        }
        let queued = u64::try_from(queued.as_nanos()).unwrap_or(NEVER);
        counted.saturating_add(queued)
    }
}
