//! What came of a storm, and its figures. Pure.

use std::ops::Range;
use std::time::Duration;

use crate::storm::plan::StormPlan;
use crate::storm::series::{SLOT, SLOTS_PER_SECOND, Slot, first_slot, slots_in};
use crate::storm::way::StormWay;

/// In how many seconds in a row a way has to be whole.
const SECONDS_IN_A_ROW: usize = 3;
const LAST_SLOTS: usize = SECONDS_IN_A_ROW * SLOTS_PER_SECOND;

/// A storm that was run.
#[derive(Debug, Clone)]
pub struct Storm {
    /// Its plan.
    pub plan: StormPlan,
    /// The ways that were begun.
    pub runs: Vec<StormRun>,
    /// Whether it was ended early.
    pub is_interrupted: bool,
}

impl Storm {
    /// The ways of which there is something to draw, in the order in which they ran.
    pub(super) fn drawn(&self) -> impl Iterator<Item = &StormRun> {
        self.runs.iter().filter(|run| !run.slots.is_empty())
    }
}

/// A way that was run.
#[derive(Debug, Clone)]
pub struct StormRun {
    /// The way.
    pub way: StormWay,
    /// What happened in each slot of [`SLOT`], as far as it was run.
    pub slots: Vec<Slot>,
    /// When the server had settled, from the start: it started empty.
    pub settled: Duration,
    /// When the trigger began and ended, from the start.
    pub trigger: Range<Duration>,
    /// Whether it was run to its end.
    pub is_complete: bool,
    /// How many calls were sent later than they were due by more than a tenth of their timeout.
    pub late: u64,
    /// The first failure that nothing in the experiment plans.
    pub trouble: Option<String>,
}

/// What became of a way after its trigger. The list is complete, so the enum is exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// It was whole again this long after the trigger had ended.
    After(Duration),
    /// It was not, for the entire time after the trigger.
    Not,
    /// It was ended before that was certain.
    Unknown,
}

impl StormRun {
    /// How many calls per second were answered in time between the server's settling and the trigger; [`None`]
    /// if it did not get that far.
    pub fn goodput_before(&self) -> Option<f64> {
        self.slots_before().map(|slots| per_second(slots, |slot| slot.good))
    }

    /// Whether the trigger found it whole.
    pub fn was_whole_before(&self) -> Option<bool> {
        self.slots_before().map(is_whole)
    }

    /// The fewest calls answered in time in any second from the start of the trigger on; [`None`] if it did not
    /// get that far.
    pub fn lowest(&self) -> Option<u64> {
        let slots = self.slots.get(first_slot(self.trigger.start)..)?;
        slots.windows(SLOTS_PER_SECOND).map(|second| sum(second, |slot| slot.good)).min()
    }

    /// When it was whole again: the first of three seconds in a row in which at least 95 % as many calls were
    /// answered in time as were due. Seconds are counted from the end of the trigger.
    pub fn recovery(&self) -> Recovery {
        let Some(slots) = self.slots.get(slots_in(self.trigger.end)..) else {
            return Recovery::Unknown;
        };
        let seconds: Vec<_> = slots.chunks_exact(SLOTS_PER_SECOND).map(is_whole).collect();
        let mut rows = seconds.windows(SECONDS_IN_A_ROW);
        match rows.position(|row| row.iter().all(|is_whole| *is_whole)) {
            Some(second) => Recovery::After(Duration::from_secs(second as u64)),
            None if self.is_complete => Recovery::Not,
            None => Recovery::Unknown,
        }
    }

    /// How many calls per second were answered in time in its last three seconds.
    pub fn goodput_last(&self) -> Option<f64> {
        self.last_slots().map(|slots| per_second(slots, |slot| slot.good))
    }

    /// How many attempts were made per call that was due; [`None`] if none was due.
    #[expect(clippy::cast_precision_loss, reason = "it is shown to a few digits")]
    pub fn attempts_per_call(&self) -> Option<f64> {
        let (attempts, due) = (sum(&self.slots, |slot| slot.attempts), self.due());
        (due > 0).then(|| attempts as f64 / due as f64)
    }

    /// How many calls per second were due in its last three seconds.
    pub fn due_last(&self) -> Option<f64> {
        self.last_slots().map(|slots| per_second(slots, |slot| slot.due))
    }

    /// Whether its last three seconds together were whole.
    pub(super) fn is_whole_at_last(&self) -> bool {
        self.last_slots().is_some_and(is_whole)
    }

    /// How many attempts were made per second in its last three seconds.
    pub fn attempts_last(&self) -> Option<f64> {
        self.last_slots().map(|slots| per_second(slots, |slot| slot.attempts))
    }

    /// The most calls that stood at the end of a slot.
    pub fn most_standing(&self) -> u64 {
        self.slots.iter().map(|slot| slot.standing).max().unwrap_or(0)
    }

    /// The number of calls that were due.
    pub fn due(&self) -> u64 {
        sum(&self.slots, |slot| slot.due)
    }

    /// The number of attempts that failed in a way that nothing in the experiment plans.
    pub fn failed(&self) -> u64 {
        sum(&self.slots, |slot| slot.failed)
    }

    fn slots_before(&self) -> Option<&[Slot]> {
        let slots = self.slots.get(first_slot(self.settled)..slots_in(self.trigger.start))?;
        Some(slots).filter(|slots| !slots.is_empty())
    }

    fn last_slots(&self) -> Option<&[Slot]> {
        self.slots.last_chunk::<LAST_SLOTS>().map(<[_; LAST_SLOTS]>::as_slice)
    }
}

fn sum(slots: &[Slot], count: fn(&Slot) -> u64) -> u64 {
    slots.iter().map(count).sum()
}

/// Whether at least 95 % as many calls were answered in time as were due.
fn is_whole(slots: &[Slot]) -> bool {
    100 * sum(slots, |slot| slot.good) >= 95 * sum(slots, |slot| slot.due)
}

#[expect(clippy::cast_precision_loss, reason = "it is shown to a few digits")]
fn per_second(slots: &[Slot], count: fn(&Slot) -> u64) -> f64 {
    sum(slots, count) as f64 / (slots.len() as f64 * SLOT.as_secs_f64())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A second of slots in which this many of 80 calls were answered in time.
    pub(in crate::storm) fn second(good: u64) -> Vec<Slot> {
        let slot = Slot { due: 20, good: good / 4, attempts: 40, ..Slot::default() };
        vec![slot; SLOTS_PER_SECOND]
    }

    pub(in crate::storm) fn run(way: StormWay, seconds: &[u64]) -> StormRun {
        StormRun {
            way,
            slots: seconds.iter().flat_map(|good| second(*good)).collect(),
            settled: Duration::ZERO,
            trigger: Duration::from_secs(1)..Duration::from_secs(2),
            is_complete: true,
            late: 0,
            trouble: None,
        }
    }

    #[test]
    fn whole_again_is_the_first_of_three_seconds_in_a_row() {
        let recovery = |seconds: &[u64]| run(StormWay::Work, seconds).recovery();
        let after = |seconds| Recovery::After(Duration::from_secs(seconds));
        assert_eq!(recovery(&[80, 0, 80, 76, 80]), after(0));
        assert_eq!(recovery(&[80, 0, 80, 80, 72, 80, 80, 80]), after(3));
        assert_eq!(recovery(&[80, 0, 0, 0, 80, 80]), Recovery::Not);
        let cut = StormRun { is_complete: false, ..run(StormWay::Work, &[80, 0, 0]) };
        assert_eq!(cut.recovery(), Recovery::Unknown);
        let early = StormRun { is_complete: false, ..run(StormWay::Work, &[80]) };
        assert_eq!((early.recovery(), early.lowest()), (Recovery::Unknown, None));
    }

    #[test]
    fn figures_are_of_their_part_of_the_run() {
        let run = run(StormWay::Work, &[80, 8, 40, 76, 80]);
        assert_eq!(run.goodput_before(), Some(80.0));
        assert_eq!(run.lowest(), Some(8));
        assert_eq!(run.attempts_per_call(), Some(2.0));
        assert!((run.goodput_last().unwrap() - 196.0 / 3.0).abs() < 1e-9);
        assert_eq!(run.attempts_last(), Some(160.0));
        assert_eq!(run.was_whole_before(), Some(true));
    }

    #[test]
    fn the_time_in_which_an_empty_server_fills_does_not_count() {
        let mut filling = run(StormWay::Work, &[80, 0, 80, 80, 80]);
        filling.slots[0].good = 0;
        assert_eq!(
            (filling.was_whole_before(), filling.goodput_before()),
            (Some(false), Some(60.0))
        );
        // A slot counts if it began when the server had settled.
        for millis in [1, 250] {
            filling.settled = Duration::from_millis(millis);
            let before = (filling.was_whole_before(), filling.goodput_before());
            assert_eq!(before, (Some(true), Some(80.0)));
        }
        filling.settled = Duration::from_secs(1);
        assert_eq!(filling.was_whole_before(), None);
    }

    #[test]
    fn a_run_that_did_not_begin_has_no_figures() {
        let run = run(StormWay::Work, &[]);
        assert_eq!(run.goodput_before(), None);
        assert_eq!((run.attempts_per_call(), run.lowest()), (None, None));
        assert_eq!((run.goodput_last(), run.most_standing()), (None, 0));
    }
}
