//! The queue of waits: a hierarchical wheel that knows no clock, no runtime and no I/O.
//!
//! Time is counted in nanoseconds from an origin that only the caller knows. Level 0 has a slot for
//! each nanosecond, each level above has slots 64 times as wide, and eleven levels reach as far as 64
//! bits do: nothing is rounded and nothing is too far away. A wait lies in the lowest level whose
//! slots are *open* around its due time. When the earliest slot comes due, it is opened: its waits
//! move down a level, each to the tail of its new slot. So every wait of a level is due before all
//! waits of the levels above, waits of one nanosecond keep the order in which they came, and the
//! earliest of all is found by two bit scans.
//!
//! A slot with one wait needs no opening: nothing is to be ordered, and the wait goes straight out.
//! A slot with many is opened a little ahead of its time, in steps, since moving a million waits
//! when the first of them is due would make it late. That is why a level has room for two open slots
//! of the level above: the present one and the next.

use std::mem;

use crate::slab::{Key, NIL, Place, Slab};

/// Each level's slots are 2^6 times as wide as those of the level below.
const BITS: u32 = 6;
/// So many are enough for 64 bits.
const LEVELS: usize = 11;
const TOP: usize = LEVELS - 1;
/// Two open slots of the level above.
const SLOTS: usize = 2 << BITS;

#[derive(Debug, Clone, Copy)]
struct Slot {
    head: u32,
    tail: u32,
    waits: u32,
    /// No wait of this slot is due before. May be too early where a wait was cancelled.
    earliest: u64,
}

impl Slot {
    const EMPTY: Self = Self { head: NIL, tail: NIL, waits: 0, earliest: u64::MAX };
}

/// Slots are counted from the origin, without end; a level keeps those that can hold waits as a ring.
#[derive(Debug, Clone)]
struct Level {
    occupied: u128,
    /// Slots below this one are open: their waits lie in the levels below.
    open: u64,
    /// Whether the last open slot still has waits that have to move down.
    is_opening: bool,
    slots: [Slot; SLOTS],
}

impl Level {
    const EMPTY: Self =
        Self { occupied: 0, open: 0, is_opening: false, slots: [Slot::EMPTY; SLOTS] };
}

/// How the moving of waits is spread over time.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// How many waits are moved or taken out at a time.
    work: usize,
    /// From so many waits on, a slot is opened ahead of its time.
    heavy: u32,
}

impl Pace {
    /// A wait moves in some ten nanoseconds: so much work is some ten microseconds, and the moving of
    /// a slot that is not heavy delays nobody by more than a few.
    const USUAL: Self = Self { work: 1024, heavy: 256 };
}

/// A slot, found.
#[derive(Debug, Clone, Copy)]
struct Found {
    level: usize,
    number: u64,
}

impl Found {
    fn place(self) -> Place {
        let level = u8::try_from(self.level).unwrap_or(u8::MAX);
        Place { level, slot: ring_u8(self.number) }
    }

    fn starts(self) -> u64 {
        self.number << shift(self.level)
    }

    /// When it may be opened ahead of its time: when the slot before it begins.
    fn ahead(self) -> u64 {
        self.number.saturating_sub(1) << shift(self.level)
    }
}

enum Step<T> {
    Fired(T),
    Moved,
    Idle,
}

/// Things that wait, each with the time at which it is due.
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    slab: Slab<T>,
    levels: Box<[Level]>,
    /// A bit for each level that holds waits.
    busy: u16,
    /// A bit for each level with a slot that is being opened.
    opening: u16,
    /// The latest time that was told.
    now: u64,
    pace: Pace,
}

impl<T> Wheel<T> {
    pub(crate) fn new() -> Self {
        let levels = vec![Level::EMPTY; LEVELS].into_boxed_slice();
        Self { slab: Slab::new(), levels, busy: 0, opening: 0, now: 0, pace: Pace::USUAL }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Adds what is due at `due`. A time that has passed counts as the latest that
    /// [`Wheel::expire`] was told.
    pub(crate) fn insert(&mut self, due: u64, payload: T) -> Key {
        let due = due.max(self.now);
        let (key, index) = self.slab.insert(due, payload);
        // Elsewhere it would overtake those of the same due time that have not moved yet.
        let place = self.opening_around(due).unwrap_or_else(|| self.place(due, TOP));
        self.link(index, place);
        key
    }

    /// What waits under this key, unless it has been taken out.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slab.get_mut(key)
    }

    /// Takes out what waits under this key, unless it has been already.
    pub(crate) fn cancel(&mut self, key: Key) -> Option<T> {
        let index = self.slab.index(key)?;
        Some(self.remove(index))
    }

    /// Takes out all that waits.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        let mut all = Vec::with_capacity(self.len());
        for index in self.slab.indices() {
            if self.slab.is_used(index) {
                all.push(self.remove(index));
            }
        }
        all
    }

    /// Takes out what is due at `now`, the earliest first, and among equals the one that came first:
    /// no more than `limit`, and with bounded work. Tells whether there may be more to do.
    pub(crate) fn expire(&mut self, now: u64, mut limit: usize, mut fire: impl FnMut(T)) -> bool {
        // Threads may come in another order than they have read the clock.
        self.now = self.now.max(now);
        for _ in 0..self.pace.work {
            if limit == 0 {
                break;
            }
            match self.step() {
                Step::Fired(payload) => {
                    limit -= 1;
                    fire(payload);
                }
                Step::Moved => {}
                Step::Idle => {
                    self.catch_up();
                    return false;
                }
            }
        }
        true
    }

    /// Nothing is due before this.
    pub(crate) fn earliest_due(&self) -> Option<u64> {
        let mut earliest = self.slot(self.first()?).earliest;
        // What has not moved down yet may be due before what has.
        if self.opening != 0 {
            let opening = self.opened_last(self.opening.trailing_zeros() as usize);
            earliest = earliest.min(self.slot(opening).earliest);
        }
        Some(earliest)
    }

    /// When [`Wheel::expire`] has something to do: to take out waits, or to move many that come next.
    pub(crate) fn next_work(&self) -> Option<u64> {
        let due = self.earliest_due()?;
        Some(self.heavy().map(Found::ahead).fold(due, u64::min))
    }

    fn step(&mut self) -> Step<T> {
        let Some(first) = self.first() else { return Step::Idle };
        let opening = (self.opening != 0).then(|| self.opening.trailing_zeros() as usize);
        if let Some(level) = opening
            && self.opened_last(level).starts() <= first.starts()
        {
            return self.move_one(level);
        }
        let slot = self.slot(first);
        let (earliest, waits, head) = (slot.earliest, slot.waits, slot.head);
        if earliest > self.now {
            return match opening {
                Some(level) => self.move_one(level),
                None => self.open_ahead(),
            };
        }
        if first.level > 0 && waits > 1 {
            self.open_levels_below(first.level, earliest);
            self.open(first);
            return self.move_one(first.level);
        }
        let due = self.slab.entry(head).due;
        if due > self.now {
            // The one that was due earlier has been cancelled.
            self.levels[first.level].slots[ring(first.number)].earliest = due;
            return Step::Moved;
        }
        Step::Fired(self.remove(head))
    }

    /// The earliest slot that holds waits and is not being opened by a level above.
    fn first(&self) -> Option<Found> {
        (self.busy != 0).then(|| self.first_of(self.busy.trailing_zeros() as usize))
    }

    /// The earliest slot of a level that holds waits.
    fn first_of(&self, level: usize) -> Found {
        let begin = self.begin(level);
        // The ring is no wider than the mask of its bits, so no bit is lost.
        let turned = self.levels[level].occupied.rotate_right(u32::from(ring_u8(begin)));
        Found { level, number: begin + u64::from(turned.trailing_zeros()) }
    }

    /// The first slot of a level that its ring can hold.
    fn begin(&self, level: usize) -> u64 {
        self.levels.get(level + 1).map_or(0, |above| above.open.saturating_sub(2) << BITS)
    }

    fn slot(&self, found: Found) -> &Slot {
        &self.levels[found.level].slots[ring(found.number)]
    }

    /// Where a wait belongs, no higher than `highest`.
    fn place(&self, due: u64, highest: usize) -> Place {
        let level = (0..highest)
            .find(|level| due >> shift(level + 1) < self.levels[level + 1].open)
            .unwrap_or(highest);
        Found { level, number: due >> shift(level) }.place()
    }

    /// The slot around this time, if it is being opened.
    fn opening_around(&self, due: u64) -> Option<Place> {
        let mut levels = self.opening;
        while levels != 0 {
            let found = self.opened_last(levels.trailing_zeros() as usize);
            if due >> shift(found.level) == found.number {
                return Some(found.place());
            }
            levels &= levels - 1;
        }
        None
    }

    fn opened_last(&self, level: usize) -> Found {
        Found { level, number: self.levels[level].open - 1 }
    }

    fn link(&mut self, index: u32, place: Place) {
        let (of_level, of_slot) = (usize::from(place.level), usize::from(place.slot));
        let level = &mut self.levels[of_level];
        let slot = &mut level.slots[of_slot];
        let entry = self.slab.entry_mut(index);
        entry.place = place;
        entry.next = NIL;
        entry.prev = slot.tail;
        slot.earliest = slot.earliest.min(entry.due);
        slot.waits += 1;
        let before = mem::replace(&mut slot.tail, index);
        if before == NIL {
            slot.head = index;
            level.occupied |= 1 << of_slot;
            self.busy |= 1 << of_level;
        } else {
            self.slab.entry_mut(before).next = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let entry = self.slab.entry(index);
        let (prev, next) = (entry.prev, entry.next);
        let (of_level, of_slot) = (usize::from(entry.place.level), usize::from(entry.place.slot));
        let level = &mut self.levels[of_level];
        let slot = &mut level.slots[of_slot];
        slot.waits -= 1;
        if prev == NIL {
            slot.head = next;
        } else {
            self.slab.entry_mut(prev).next = next;
        }
        if next == NIL {
            slot.tail = prev;
        } else {
            self.slab.entry_mut(next).prev = prev;
        }
        if slot.waits == 0 {
            *slot = Slot::EMPTY;
            level.occupied &= !(1 << of_slot);
            if level.occupied == 0 {
                self.busy &= !(1 << of_level);
            }
            if level.is_opening && ring(level.open - 1) == of_slot {
                level.is_opening = false;
                self.opening &= !(1 << of_level);
            }
        }
    }

    fn remove(&mut self, index: u32) -> T {
        self.unlink(index);
        self.slab.remove(index)
    }

    fn open(&mut self, found: Found) {
        let level = &mut self.levels[found.level];
        level.open = found.number + 1;
        level.is_opening = true;
        self.opening |= 1 << found.level;
    }

    /// Opens the slots around a time in the levels below one, which hold no waits: so the waits of that
    /// time move only once.
    fn open_levels_below(&mut self, level: usize, time: u64) {
        for level in 1..level {
            self.levels[level].open = self.levels[level].open.max((time >> shift(level)) + 1);
        }
    }

    /// Moves the first wait of the slot that is being opened to a level below.
    fn move_one(&mut self, level: usize) -> Step<T> {
        let index = self.slot(self.opened_last(level)).head;
        self.unlink(index);
        let place = self.place(self.slab.entry(index).due, level - 1);
        self.link(index, place);
        Step::Moved
    }

    /// Begins to open a slot of many waits before one of them is due. Only where nothing is due: then
    /// no wait lies further back than the ring of the level below can hold with this slot open.
    fn open_ahead(&mut self) -> Step<T> {
        let now = self.now;
        let Some(found) = self.heavy().find(|found| found.ahead() <= now) else {
            return Step::Idle;
        };
        self.open(found);
        self.move_one(found.level)
    }

    /// The earliest slot of each level, where it holds many waits that have not begun to move.
    fn heavy(&self) -> impl Iterator<Item = Found> + '_ {
        let levels = self.busy & !self.opening & !1;
        (1..LEVELS)
            .filter(move |level| levels & (1 << level) != 0)
            .map(|level| self.first_of(level))
            .filter(|found| self.slot(*found).waits >= self.pace.heavy)
    }

    /// Opens the empty slots that time has passed through, so that new waits lie as low as they can.
    fn catch_up(&mut self) {
        if self.now >> shift(1) < self.levels[1].open {
            return;
        }
        for level in (1..LEVELS).rev() {
            let number = self.now >> shift(level);
            let is_busy = self.busy & (1 << level) != 0;
            if is_busy && self.first_of(level).number <= number {
                // Its waits are due later in this slot, and it is opened then.
                return;
            }
            self.levels[level].open = self.levels[level].open.max(number + 1);
        }
    }
}

/// How many bits of a time lie below the number of its slot.
fn shift(level: usize) -> u32 {
    BITS * u32::try_from(level).unwrap_or(u32::MAX)
}

/// Where in its level's ring a slot is.
fn ring(number: u64) -> usize {
    usize::from(ring_u8(number))
}

fn ring_u8(number: u64) -> u8 {
    (number % SLOTS as u64).to_le_bytes()[0]
}

#[cfg(test)]
mod tests;
