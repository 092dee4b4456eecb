//! Where the waits of a wheel lie in memory: side by side, and used again once they are free.

use std::num::NonZeroU32;

/// No index: the end of a list.
pub(crate) const NIL: u32 = u32::MAX;

/// Names an entry until it is removed, and never another one that takes its place later, unless four
/// thousand million have lain there in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    index: u32,
    generation: NonZeroU32,
}

/// The slot in whose list an entry is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) level: u8,
    pub(crate) slot: u8,
}

/// One wait. Its slot's list runs through it; when it is free, the list of free entries does.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) due: u64,
    pub(crate) prev: u32,
    pub(crate) next: u32,
    generation: NonZeroU32,
    pub(crate) place: Place,
    payload: Option<T>,
}

#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    used: usize,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), free: NIL, used: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// Takes a free entry, or a new one. It is in no list yet.
    pub(crate) fn insert(&mut self, due: u64, payload: T) -> (Key, u32) {
        self.used += 1;
        let index = self.free;
        if let Some(entry) = self.entries.get_mut(index as usize) {
            self.free = entry.next;
            entry.due = due;
            entry.payload = Some(payload);
            return (Key { index, generation: entry.generation }, index);
        }
        let index = u32::try_from(self.entries.len()).ok().filter(|index| *index != NIL);
        let index = index.expect("memory ends before four thousand million waits do");
        let generation = NonZeroU32::MIN;
        let (place, payload) = (Place::default(), Some(payload));
        self.entries.push(Entry { due, prev: NIL, next: NIL, generation, place, payload });
        (Key { index, generation }, index)
    }

    /// Frees an entry that is in no list any more.
    pub(crate) fn remove(&mut self, index: u32) -> T {
        let entry = &mut self.entries[index as usize];
        let payload = entry.payload.take().expect("an entry in a list is used");
        entry.generation = entry.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        entry.next = self.free;
        self.free = index;
        self.used -= 1;
        payload
    }

    /// Where the entry lies, unless it has been removed.
    pub(crate) fn index(&self, key: Key) -> Option<u32> {
        let entry = &self.entries[key.index as usize];
        (entry.generation == key.generation && entry.payload.is_some()).then_some(key.index)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = &mut self.entries[key.index as usize];
        entry.payload.as_mut().filter(|_| entry.generation == key.generation)
    }

    pub(crate) fn entry(&self, index: u32) -> &Entry<T> {
        &self.entries[index as usize]
    }

    pub(crate) fn entry_mut(&mut self, index: u32) -> &mut Entry<T> {
        &mut self.entries[index as usize]
    }

    /// Of all entries, used and free.
    pub(crate) fn indices(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.entries.len()).unwrap_or(NIL)
    }

    pub(crate) fn is_used(&self, index: u32) -> bool {
        self.entry(index).payload.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;
    use std::task::Waker;

    use super::*;

    #[test]
    fn an_entry_takes_24_bytes_beyond_its_waker() {
        assert_eq!(size_of::<Entry<Waker>>(), 24 + size_of::<Waker>());
    }

    #[test]
    fn a_key_names_nothing_once_its_entry_is_removed() {
        let mut slab = Slab::new();
        let (key, index) = slab.insert(1, "first");
        assert_eq!(slab.remove(index), "first");
        let (other, again) = slab.insert(2, "second");
        assert_eq!(again, index);
        assert_eq!(slab.get_mut(key), None);
        assert_eq!(slab.index(key), None);
        assert_eq!(slab.get_mut(other), Some(&mut "second"));
    }

    #[test]
    fn free_entries_are_used_before_new_ones_are_made() {
        let mut slab = Slab::new();
        for round in 0..10 {
            let indices: Vec<u32> = (0..5).map(|due| slab.insert(due, round).1).collect();
            assert_eq!(slab.len(), 5);
            for index in indices {
                slab.remove(index);
            }
        }
        assert_eq!(slab.indices(), 0..5);
        assert_eq!(slab.len(), 0);
    }
}
