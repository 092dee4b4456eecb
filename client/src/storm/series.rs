//! What happens in a way, by the slot of time in which it happened.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The length of a slot.
pub const SLOT: Duration = Duration::from_millis(250);
/// How many slots a second has.
pub(super) const SLOTS_PER_SECOND: usize = 4;

/// The number of whole slots in this time.
pub(super) fn slots_in(time: Duration) -> usize {
    usize::try_from(time.as_nanos() / SLOT.as_nanos()).unwrap_or(usize::MAX)
}

/// The first slot that begins at this time or later.
pub(super) fn first_slot(from: Duration) -> usize {
    usize::try_from(from.as_nanos().div_ceil(SLOT.as_nanos())).unwrap_or(usize::MAX)
}

/// What happened in one slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    /// Calls that were due.
    pub due: u64,
    /// Calls that were answered within the timeout of one of their attempts.
    pub good: u64,
    /// Attempts that were sent.
    pub attempts: u64,
    /// Attempts that the server refused because its queue was full.
    pub shed: u64,
    /// Attempts whose timeout passed.
    pub timed_out: u64,
    /// Attempts that failed in any other way, which nothing in the experiment plans.
    pub failed: u64,
    /// How many calls stood in the server's queue at the end of the slot.
    pub standing: u64,
}

/// Counts what happens in each slot.
#[derive(Debug)]
pub(super) struct Tally(Mutex<Vec<Slot>>);

impl Tally {
    /// For this long, in whole slots; what happens later is not counted.
    pub(super) fn new(whole: Duration) -> Self {
        Self(Mutex::new(vec![Slot::default(); slots_in(whole)]))
    }

    /// Changes the slot that contains this time, counted from the start.
    pub(super) fn at(&self, since_start: Duration, change: impl FnOnce(&mut Slot)) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(slots_in(since_start)) {
            change(slot);
        }
    }

    /// The slots that had ended at this time, counted from the start.
    pub(super) fn ended_at(&self, since_start: Duration) -> Vec<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        slots.truncate(slots_in(since_start));
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_belongs_to_its_slot_and_a_slot_that_has_not_ended_is_left_out() {
        let tally = Tally::new(Duration::from_millis(999));
        for millis in [0, 249, 250, 749, 750, 10_000] {
            tally.at(Duration::from_millis(millis), |slot| slot.due += 1);
        }
        let due = |at| tally.ended_at(at).iter().map(|slot| slot.due).collect::<Vec<_>>();
        assert_eq!(due(SLOT * 3), [2, 1, 1]);
        assert_eq!(due(Duration::from_millis(749)), [2, 1]);
        assert_eq!(due(Duration::from_secs(100)), [2, 1, 1]);
    }
}
