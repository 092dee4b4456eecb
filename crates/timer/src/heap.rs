//! The queue of waits: a heap, ordered by due time, that knows nothing of clocks, runtimes or I/O.
//!
//! Time is counted in nanoseconds from an origin that only the caller knows. Each wait of the heap is due no
//! earlier than its parent and has up to four children: half as many levels as with two, at the cost of a few
//! more comparisons within one or two cache lines. The slab knows the position of each wait in the heap, so
//! that it can be cancelled from the middle. Waits with the same due time come out in the order of insertion.

use crate::slab::{Slab, SlabKey};

/// How many children a wait has.
const CHILDREN: usize = 4;

/// What the heap orders. The payload stays where it is.
#[derive(Debug, Clone, Copy)]
struct HeapEntry {
    due: u64,
    /// Counts the inserts, and wraps to zero after 2^32.
    number: u32,
    slot: u32,
}

impl HeapEntry {
    /// Waits due in the same nanosecond are ordered by insertion, unless more than 2^31 were inserted in
    /// between.
    fn is_before(self, other: Self) -> bool {
        if self.due != other.due {
            return self.due < other.due;
        }
        self.number.wrapping_sub(other.number) > u32::MAX / 2
    }
}

/// Payloads that wait, each with its due time.
#[derive(Debug)]
pub(crate) struct Heap<T> {
    waits: Vec<HeapEntry>,
    slab: Slab<T>,
    inserts: u32,
    /// The latest time that was passed to [`Heap::expire`].
    now: u64,
}

impl<T> Heap<T> {
    pub(crate) fn new() -> Self {
        Self { waits: Vec::new(), slab: Slab::new(), inserts: 0, now: 0 }
    }

    /// The number of waits.
    pub(crate) fn len(&self) -> usize {
        self.waits.len()
    }

    /// Adds a payload that is due at `due`. A time in the past counts as the latest that was passed to
    /// [`Heap::expire`].
    pub(crate) fn insert(&mut self, due: u64, payload: T) -> SlabKey {
        let (key, slot) = self.slab.insert(payload);
        let wait = HeapEntry { due: due.max(self.now), number: self.inserts, slot };
        self.inserts = self.inserts.wrapping_add(1);
        self.waits.push(wait);
        self.rise(self.waits.len() - 1, wait);
        key
    }

    /// The payload under this key, unless it has been taken out.
    pub(crate) fn get_mut(&mut self, key: SlabKey) -> Option<&mut T> {
        self.slab.get_mut(key)
    }

    /// Takes out the payload under this key, unless it has been taken out already.
    pub(crate) fn cancel(&mut self, key: SlabKey) -> Option<T> {
        let at = self.slab.position(key)?;
        Some(self.remove(at))
    }

    /// Takes out everything.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        let Self { waits, slab, .. } = self;
        waits.drain(..).map(|wait| slab.remove(wait.slot)).collect()
    }

    /// Takes out at most `limit` payloads that are due at `now`, the earliest first and equals in the order
    /// of insertion. Returns whether more are due.
    pub(crate) fn expire(&mut self, now: u64, limit: usize, mut fire: impl FnMut(T)) -> bool {
        // Threads may get here in a different order from the one in which they read the clock.
        self.now = self.now.max(now);
        for _ in 0..limit {
            if !self.is_due() {
                return false;
            }
            fire(self.remove(0));
        }
        self.is_due()
    }

    /// When the first wait is due.
    pub(crate) fn earliest_due(&self) -> Option<u64> {
        self.waits.first().map(|wait| wait.due)
    }

    fn is_due(&self) -> bool {
        self.earliest_due().is_some_and(|due| due <= self.now)
    }

    fn remove(&mut self, at: usize) -> T {
        let removed = self.waits.swap_remove(at);
        if let Some(&last) = self.waits.get(at) {
            // It comes from the bottom, but not always from below the gap.
            if at > 0 && last.is_before(self.waits[parent(at)]) {
                self.rise(at, last);
            } else {
                self.sink(at, last);
            }
        }
        self.slab.remove(removed.slot)
    }

    /// Puts a wait at this position or further up.
    fn rise(&mut self, mut at: usize, wait: HeapEntry) {
        while at > 0 {
            let above = self.waits[parent(at)];
            if !wait.is_before(above) {
                break;
            }
            self.put(at, above);
            at = parent(at);
        }
        self.put(at, wait);
    }

    /// Puts a wait at this position or further down.
    fn sink(&mut self, mut at: usize, wait: HeapEntry) {
        while let Some((child, below)) = self.first_child(at)
            && below.is_before(wait)
        {
            self.put(at, below);
            at = child;
        }
        self.put(at, wait);
    }

    fn first_child(&self, at: usize) -> Option<(usize, HeapEntry)> {
        let begin = at * CHILDREN + 1;
        let end = self.waits.len().min(begin + CHILDREN);
        let children = self.waits.get(begin..end)?;
        let children = children.iter().enumerate().map(|(child, wait)| (begin + child, *wait));
        children.reduce(|first, other| if other.1.is_before(first.1) { other } else { first })
    }

    fn put(&mut self, at: usize, wait: HeapEntry) {
        self.waits[at] = wait;
        self.slab.set_position(wait.slot, at);
    }
}

fn parent(at: usize) -> usize {
    (at - 1) / CHILDREN
}

#[cfg(test)]
mod tests;
