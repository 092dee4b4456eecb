//! The wheel against the simplest queue that can be right: a list, searched.

use proptest::prelude::*;

use super::*;

/// What waits: the due time, and a number that grows with each insert.
#[derive(Debug, Default)]
struct Model {
    waits: Vec<(u64, usize)>,
}

impl Model {
    /// What is due, in the order in which it must come out.
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

/// A wheel and its model, to which the same is done.
struct Pair {
    wheel: Wheel<usize>,
    model: Model,
    keys: Vec<Key>,
    now: u64,
}

impl Pair {
    fn new(now: u64, pace: Pace) -> Self {
        let mut wheel = Wheel { pace, ..Wheel::new() };
        wheel.expire(now, usize::MAX, |_| unreachable!("nothing waits"));
        Self { wheel, model: Model::default(), keys: Vec::new(), now }
    }

    fn insert(&mut self, due: u64) {
        let number = self.keys.len();
        self.keys.push(self.wheel.insert(due, number));
        self.model.waits.push((due.max(self.now), number));
    }

    fn cancel(&mut self, number: usize) {
        if let Some(key) = self.keys.get(number) {
            assert_eq!(self.wheel.cancel(*key), self.model.cancel(number));
        }
    }

    /// Lets time pass, and takes out what is due so many at a time.
    fn expire(&mut self, now: u64, limit: usize) {
        self.now = self.now.max(now);
        let mut fired = Vec::new();
        loop {
            let before = fired.len();
            let has_more = self.wheel.expire(self.now, limit, |number| fired.push(number));
            assert!(fired.len() - before <= limit);
            if !has_more {
                break;
            }
        }
        assert_eq!(fired, self.model.expire(self.now));
        self.check();
    }

    /// Takes out a part of what is due: none early, and the earliest first.
    fn expire_some(&mut self, now: u64, limit: usize) {
        self.now = self.now.max(now);
        let mut fired = Vec::new();
        self.wheel.expire(self.now, limit, |number| fired.push(number));
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
        assert_eq!(self.wheel.len(), self.model.waits.len());
        let earliest = self.model.waits.iter().map(|(due, _)| *due).min();
        assert!(self.wheel.earliest_due() <= earliest || earliest.is_none());
        assert_eq!(self.wheel.earliest_due().is_none(), earliest.is_none());
        assert!(self.wheel.next_work() <= self.wheel.earliest_due());
    }
}

#[derive(Debug, Clone)]
enum Deed {
    /// So long after now.
    Insert(u64),
    /// Due together.
    InsertMany(u64, usize),
    /// So long before now.
    InsertPast(u64),
    Cancel(prop::sample::Index),
    Expire(u64, usize),
    ExpireSome(u64, usize),
}

/// Lengths of all magnitudes.
fn length() -> impl Strategy<Value = u64> {
    (0_u32..63, any::<u64>()).prop_map(|(bits, random)| random & ((1 << bits) - 1))
}

/// Lengths that servers wait, and a few that are the same.
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
        (work, heavy) in prop_oneof![Just((1024, 256)), (1_usize..100, 2_u32..50)],
        deeds in prop::collection::vec(deed(), 1..80),
    ) {
        let mut pair = Pair::new(start, Pace { work, heavy });
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
        prop_assert_eq!(pair.wheel.len(), 0);
    }
}

#[test]
fn a_wait_that_comes_while_its_slot_is_opened_overtakes_no_equal() {
    let mut pair = Pair::new(0, Pace { work: 2, heavy: 256 });
    (0..6).for_each(|_| pair.insert(1_000_000));
    pair.expire_some(1_000_000, 1);
    pair.insert(1_000_000);
    pair.expire(1_000_000, 1);
}

#[test]
fn many_waits_move_before_the_first_of_them_is_due() {
    let mut wheel = Wheel::new();
    let minute = 60_000_000_000;
    for nanos in 0..100_000 {
        wheel.insert(minute + nanos * 1_000, nanos);
    }
    let mut fired = Vec::new();
    while let Some(next) = wheel.next_work().filter(|next| *next < minute) {
        while wheel.expire(next, 64, |nanos| fired.push(nanos)) {}
    }
    assert_eq!(fired, []);
    wheel.expire(minute, 64, |nanos| fired.push(nanos));
    assert_eq!(fired, [0], "with the work of one batch");
}

#[test]
fn due_times_reach_as_far_as_64_bits() {
    let mut pair = Pair::new(0, Pace::USUAL);
    for due in [u64::MAX, u64::MAX - 1, 1 << 63, u64::MAX, 0] {
        pair.insert(due);
    }
    pair.expire(u64::MAX - 1, 2);
    assert_eq!(pair.wheel.next_work(), Some(u64::MAX));
    pair.expire(u64::MAX, 2);
}
