//! The memory of a heap's waits: one block of entries, which are reused once free.

use std::num::NonZeroU32;

/// Not an index: the end of the list of free entries.
const NIL: u32 = u32::MAX;

/// Names an entry until it is removed, and never a later one in the same place, unless 2^32 others have been
/// there in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlabKey {
    index: u32,
    generation: NonZeroU32,
}

/// One wait.
#[derive(Debug)]
struct Entry<T> {
    /// Its position in the heap; if it is free, the next free entry.
    position: u32,
    generation: NonZeroU32,
    payload: Option<T>,
}

#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: u32,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), free: NIL }
    }

    /// Takes a free entry, or a new one. It has no position yet.
    pub(crate) fn insert(&mut self, payload: T) -> (SlabKey, u32) {
        let index = self.free;
        if let Some(entry) = self.entries.get_mut(index as usize) {
            self.free = entry.position;
            entry.payload = Some(payload);
            return (SlabKey { index, generation: entry.generation }, index);
        }
        let index = u32::try_from(self.entries.len()).ok().filter(|index| *index != NIL);
        let index = index.expect("memory runs out before there are 2^32 waits");
        let generation = NonZeroU32::MIN;
        self.entries.push(Entry { position: NIL, generation, payload: Some(payload) });
        (SlabKey { index, generation }, index)
    }

    /// Frees an entry that is no longer in a heap.
    pub(crate) fn remove(&mut self, index: u32) -> T {
        let entry = &mut self.entries[index as usize];
        let payload = entry.payload.take().expect("an entry in a heap is used");
        entry.generation = entry.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        entry.position = self.free;
        self.free = index;
        payload
    }

    /// The entry's position in the heap, unless it has been removed.
    pub(crate) fn position(&self, key: SlabKey) -> Option<usize> {
        let entry = &self.entries[key.index as usize];
        let is_used = entry.generation == key.generation && entry.payload.is_some();
        is_used.then_some(entry.position as usize)
    }

    pub(crate) fn get_mut(&mut self, key: SlabKey) -> Option<&mut T> {
        let entry = &mut self.entries[key.index as usize];
        entry.payload.as_mut().filter(|_| entry.generation == key.generation)
    }

    pub(crate) fn set_position(&mut self, index: u32, position: usize) {
        self.entries[index as usize].position = u32::try_from(position).unwrap_or(NIL);
    }
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;
    use std::task::Waker;

    use super::*;

    #[test]
    fn an_entry_takes_8_bytes_beyond_its_waker() {
        assert_eq!(size_of::<Entry<Waker>>(), 8 + size_of::<Waker>());
    }

    #[test]
    fn a_key_names_nothing_once_its_entry_is_removed() {
        let mut slab = Slab::new();
        let (key, index) = slab.insert("first");
        assert_eq!(slab.remove(index), "first");
        let (other, again) = slab.insert("second");
        assert_eq!(again, index);
        assert_eq!(slab.get_mut(key), None);
        assert_eq!(slab.position(key), None);
        assert_eq!(slab.get_mut(other), Some(&mut "second"));
    }

    #[test]
    fn free_entries_are_used_before_new_ones_are_made() {
        let mut slab = Slab::new();
        for round in 0..10 {
            let indices: Vec<u32> = (0..5).map(|_| slab.insert(round).1).collect();
            assert_eq!(slab.entries.len(), 5);
            for index in indices {
                slab.remove(index);
            }
        }
        assert_eq!(slab.entries.len(), 5);
    }
}
