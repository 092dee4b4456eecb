//! The heap against the simplest queue that can be right: a list, searched.

use proptest::prelude::*;

use super::*;

/// What waits: the due time, and a number that grows with each insert.
#[derive(Debug, Default)]
struct Model {
    waits: Vec<(u64, usize)>,
}

impl Model {
    /// The due waits, in the order in which they must come out.
    fn expire(&mut self, now: u64) -> Vec<usize> {
        self.waits.sort_unstable();
        let due = self.waits.partition_point(|(due, _)| *due <= now);
        self.waits.drain(..due).map(|(_, number)| number).collect()
    }

    fn cancel(&mut self, number: usize) -> Option<usize> {
        let at = self.waits.iter().position(|(_, other)| *other == number)?;
        self.waits.swap_remove(at);
        Some(number)
    }
}

/// A heap and its model, given the same operations.
struct Pair {
    heap: Heap<usize>,
    model: Model,
    keys: Vec<SlabKey>,
    now: u64,
}

impl Pair {
    fn new(now: u64) -> Self {
        let mut heap = Heap::new();
        heap.expire(now, usize::MAX, |_| unreachable!("nothing waits"));
        Self { heap, model: Model::default(), keys: Vec::new(), now }
    }

    fn insert(&mut self, due: u64) {
        let number = self.keys.len();
        self.keys.push(self.heap.insert(due, number));
        self.model.waits.push((due.max(self.now), number));
    }

    fn cancel(&mut self, number: usize) {
        if let Some(key) = self.keys.get(number) {
            assert_eq!(self.heap.cancel(*key), self.model.cancel(number));
        }
    }

    /// Lets time pass, and takes out what is due, at most the given number at a time.
    fn expire(&mut self, now: u64, limit: usize) {
        self.now = self.now.max(now);
        let mut fired = Vec::new();
        loop {
            let before = fired.len();
            let has_more = self.heap.expire(self.now, limit, |number| fired.push(number));
            assert!(fired.len() - before <= limit);
            if !has_more {
                break;
            }
        }
        assert_eq!(fired, self.model.expire(self.now));
        self.check();
    }

    /// Takes out some of the due waits: none early, and the earliest first.
    fn expire_some(&mut self, now: u64, limit: usize) {
        self.now = self.now.max(now);
        let mut fired = Vec::new();
        self.heap.expire(self.now, limit, |number| fired.push(number));
        self.model.waits.sort_unstable();
        let expected: Vec<usize> = self
            .model
            .waits
            .drain(..fired.len())
            .map(|(due, number)| {
                assert!(due <= self.now, "never early");
                number
            })
            .collect();
        assert_eq!(fired, expected);
        self.check();
    }

    fn check(&self) {
        assert_eq!(self.heap.len(), self.model.waits.len());
        let earliest = self.model.waits.iter().map(|(due, _)| *due).min();
        assert_eq!(self.heap.earliest_due(), earliest);
        self.check_order();
    }

    /// No wait is due before its parent, and the slab knows each position.
    fn check_order(&self) {
        let waits = &self.heap.waits;
        for (at, wait) in waits.iter().enumerate().skip(1) {
            assert!(!wait.is_before(waits[parent(at)]));
        }
        let mut places: Vec<_> =
            self.keys.iter().filter_map(|key| self.heap.slab.position(*key)).collect();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..waits.len()));
    }
}

#[derive(Debug, Clone)]
enum Deed {
    /// Due this long after now.
    Insert(u64),
    /// Several, due together this long after now.
    InsertMany(u64, usize),
    /// Due this long before now.
    InsertPast(u64),
    Cancel(prop::sample::Index),
    Expire(u64, usize),
    ExpireSome(u64, usize),
}

/// Lengths of all magnitudes.
fn length() -> impl Strategy<Value = u64> {
    (0_u32..63, any::<u64>()).prop_map(|(bits, random)| random & ((1 << bits) - 1))
}

/// Lengths as servers wait them, some of them equal.
fn usual() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..5, 0_u64..100_000, Just(1_000_000), 0_u64..100_000_000]
}

fn deed() -> impl Strategy<Value = Deed> {
    let any_length = || prop_oneof![3 => usual(), 1 => length()];
    prop_oneof![
        8 => any_length().prop_map(Deed::Insert),
        1 => (any_length(), 1_usize..600).prop_map(|(after, count)| Deed::InsertMany(after, count)),
        2 => any_length().prop_map(Deed::InsertPast),
        4 => any::<prop::sample::Index>().prop_map(Deed::Cancel),
        2 => (any_length(), 1_usize..50).prop_map(|(after, limit)| Deed::Expire(after, limit)),
        4 => (usual(), 0_usize..50).prop_map(|(after, limit)| Deed::ExpireSome(after, limit)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// None early, none lost, none twice, in the order of due time and then of insertion, whatever is
    /// cancelled, and however little is done at a time.
    #[test]
    fn it_does_what_a_sorted_list_does(
        start in length(),
        deeds in prop::collection::vec(deed(), 1..80),
    ) {
        let mut pair = Pair::new(start);
        for deed in deeds {
            match deed {
                Deed::Insert(after) => pair.insert(pair.now.saturating_add(after)),
                Deed::InsertMany(after, count) => {
                    let due = pair.now.saturating_add(after);
                    (0..count).for_each(|_| pair.insert(due));
                }
                Deed::InsertPast(before) => pair.insert(pair.now.saturating_sub(before)),
                Deed::Cancel(_) if pair.keys.is_empty() => {}
                Deed::Cancel(index) => pair.cancel(index.index(pair.keys.len())),
                Deed::Expire(after, limit) => pair.expire(pair.now.saturating_add(after), limit),
                Deed::ExpireSome(after, limit) => {
                    pair.expire_some(pair.now.saturating_add(after), limit);
                }
            }
        }
        pair.expire(u64::MAX, 7);
        prop_assert_eq!(pair.heap.len(), 0);
    }
}

#[test]
fn a_wait_is_cancelled_from_the_middle() {
    let mut pair = Pair::new(0);
    // The last wait of the heap lies in a different branch from the gap, and is due before it.
    for due in [1, 100, 2, 3, 4, 101, 102, 103, 104, 5, 6] {
        pair.insert(due);
    }
    for number in [6, 1, 6, 0, 10] {
        pair.cancel(number);
        pair.check();
    }
    pair.expire(200, 3);
}

#[test]
fn equals_keep_their_order_when_the_count_of_inserts_wraps() {
    let mut pair = Pair::new(0);
    pair.heap.inserts = u32::MAX - 50;
    (0..100).for_each(|_| pair.insert(7));
    pair.expire(7, 3);
}

#[test]
fn due_times_reach_as_far_as_64_bits() {
    let mut pair = Pair::new(0);
    for due in [u64::MAX, u64::MAX - 1, 1 << 63, u64::MAX, 0] {
        pair.insert(due);
    }
    pair.expire(u64::MAX - 1, 2);
    assert_eq!(pair.heap.earliest_due(), Some(u64::MAX));
    pair.expire(u64::MAX, 2);
}
