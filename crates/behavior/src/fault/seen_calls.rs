//! How often calls were seen, for `fail_first`.

use std::collections::{HashMap, VecDeque};

use siphasher::sip128::SipHasher24;

/// How often each call was seen by each `fail_first`, for a bounded number of calls: when there are more,
/// the one that was first seen longest ago is forgotten, and is new when it is seen again.
///
/// Names and texts are kept as hashes of 128 bits, so that an entry takes the same memory whatever its caller
/// sends.
#[derive(Debug)]
pub struct SeenCalls {
    keys: [u64; 2],
    most: usize,
    seen: HashMap<u128, u32>,
    /// In the order in which they were first seen.
    order: VecDeque<u128>,
    forgotten: u64,
}

impl SeenCalls {
    /// The most calls that a server remembers.
    pub const MOST: usize = 100_000;

    /// Remembers up to `most` calls, at least one. Callers that do not know `keys` cannot choose names whose
    /// hashes collide.
    pub fn new(keys: [u64; 2], most: usize) -> Self {
        let (seen, order) = (HashMap::new(), VecDeque::new());
        Self { keys, most: most.max(1), seen, order, forgotten: 0 }
    }

    /// Counts a call with this id, which is empty for all calls without one, and returns how often the clause
    /// with this text has seen it, including this time.
    pub fn count(&mut self, clause: &str, call_id: &str) -> u32 {
        let key = self.key(clause, call_id);
        if let Some(count) = self.seen.get_mut(&key) {
            *count = count.saturating_add(1);
            return *count;
        }
        if self.order.len() == self.most
            && let Some(first) = self.order.pop_front()
        {
            self.seen.remove(&first);
            self.forgotten += 1;
        }
        self.order.push_back(key);
        self.seen.insert(key, 1);
        1
    }

    /// How many calls are remembered.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no call is remembered.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many calls were forgotten to make room for others.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn key(&self, clause: &str, call_id: &str) -> u128 {
        let mut text = Vec::with_capacity(clause.len() + call_id.len() + 1);
        text.extend_from_slice(clause.as_bytes());
        // No clause contains it.
        text.push(0);
        text.extend_from_slice(call_id.as_bytes());
        SipHasher24::new_with_keys(self.keys[0], self.keys[1]).hash(&text).as_u128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_clause_counts_each_call_apart() {
        let mut seen = SeenCalls::new([1, 2], SeenCalls::MOST);
        assert_eq!([0; 3].map(|_| seen.count("a", "x")), [1, 2, 3]);
        assert_eq!((seen.count("b", "x"), seen.count("a", "y"), seen.count("a", "")), (1, 1, 1));
        assert_eq!((seen.len(), seen.forgotten()), (4, 0));
    }

    #[test]
    fn the_call_that_was_first_seen_longest_ago_is_forgotten() {
        let mut seen = SeenCalls::new([1, 2], 2);
        // Being seen again does not make it younger.
        let counts = ["x", "y", "x", "z", "y", "x"].map(|call| seen.count("a", call));
        assert_eq!(counts, [1, 1, 2, 1, 2, 1]);
        assert_eq!((seen.len(), seen.forgotten()), (2, 2));
    }

    #[test]
    fn as_many_calls_are_remembered_as_are_allowed() {
        let mut seen = SeenCalls::new([1, 2], 1_000);
        for number in 0..5_000 {
            seen.count("a", &format!("call-{number}"));
        }
        assert_eq!((seen.len(), seen.seen.len(), seen.forgotten()), (1_000, 1_000, 4_000));
        assert!(seen.seen.capacity() < 4_000);
    }
}
