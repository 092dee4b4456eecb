//! Schedules whose outcome was worked out by hand.

use longsync_behavior::queue::{AlwaysOpen, Place, StallGate};
use longsync_behavior::{Behavior, Queue};

use super::schedules_text::Play;

/// A queue and perhaps a stall, events, how long each call is queued, and how much service is wasted. In the
/// comments, a is the first call, b the second, and so on.
const SCHEDULES: &[(&str, &str, &str, u64)] = &[
    // One after the other: b begins at 10, c at 20.
    ("queue(workers=1, limit=9)", "0+10 1+10 2+10", "0 9 18", 0),
    // The same if their ends are noticed late: the planned end counts.
    ("queue(workers=1, limit=9)", "0+10 1+10 2+10 t13 t28", "0 9 18", 0),
    // The same if all ends are noticed at once.
    ("queue(workers=1, limit=9)", "0+10 1+10 2+10 t99", "0 9 18", 0),
    // c takes over from b at 4 and ends at 9, before a.
    ("queue(workers=2, limit=9)", "0+10 0+4 1+5 2+5", "0 0 3 7", 0),
    // a and b end together, so c and d begin together, and e at 15.
    ("queue(workers=2, limit=9)", "0+10 0+10 1+5 2+5 3+1", "0 0 9 8 12", 0),
    // b fills the line, so c is refused; at 11, b is in service and the line is empty.
    ("queue(workers=1, limit=1)", "0+10 1+10 2+10 11+10", "0 9 shed 9", 0),
    // A loss system: c arrives as a ends, and finds the worker free.
    ("queue(workers=1, limit=0)", "0+10 5+1 10+3 12+1", "0 shed 0 shed", 0),
    // Services of 0 never keep a worker from the next call.
    ("queue(workers=1, limit=0)", "0+0 0+0 5+0", "0 0 0", 0),
    // The last comes first: d at 10, c at 14, b at 17.
    ("queue(workers=1, limit=9, order=lifo)", "0+10 1+2 2+3 3+4", "0 16 12 7", 0),
    // d arrives while c is served, and overtakes b.
    ("queue(workers=1, limit=9, order=lifo)", "0+10 1+5 2+5 12+5", "0 19 8 3", 0),
    // A full line refuses the newest call, also if the newest would be served first.
    ("queue(workers=1, limit=1, order=lifo)", "0+10 1+5 2+5", "0 9 shed", 0),
    // b leaves the line at 3, so c has room.
    ("queue(workers=1, limit=1)", "0+10 1+10 x1@3 4+10", "0 left 6", 0),
    // a frees its worker at 4.
    ("queue(workers=1, limit=9)", "0+10 1+10 x0@4", "0 3", 0),
    // a frees its worker at its deadline, although that is noticed at 9.
    ("queue(workers=1, limit=9)", "0+10@6 1+10 t9", "0 5", 0),
    // b leaves the line at its deadline.
    ("queue(workers=1, limit=9)", "0+10 1+10@5 2+10", "0 left 8", 0),
    // At 4, b leaves the line, and c has room.
    ("queue(workers=1, limit=1)", "0+10 1+5@4 4+5", "0 left 6", 0),
    // a's deadline is its planned end: it has ended in time.
    ("queue(workers=1, limit=9, abandoned=work)", "0+10@10 1+5", "0 9", 0),
    // b's deadline is the moment at which a worker becomes free: too late.
    ("queue(workers=1, limit=9)", "0+10 1+5@10 2+5", "0 left 8", 0),
    // Nobody notices that a has gone: it is served to its end.
    ("queue(workers=1, limit=9, abandoned=work)", "0+10 1+10 x0@4", "0 9", 10),
    // The same at a deadline.
    ("queue(workers=1, limit=9, abandoned=work)", "0+10@4 1+1", "0 9", 10),
    // b has gone but keeps its place, so c is refused, and is served from 10 to 17.
    ("queue(workers=1, limit=1, abandoned=work)", "0+10 1+7 x1@3 4+1 12+1", "0 left shed 5", 7),
    // The same at a deadline, which passes while b stands.
    ("queue(workers=1, limit=9, abandoned=work)", "0+10 1+7@5 2+1", "0 left 15", 7),
    // b's deadline passes while it is in service, from 10 to 17.
    ("queue(workers=1, limit=9, abandoned=work)", "0+10 1+7@12 2+1", "0 9 15", 7),
    // a had already ended when it was canceled.
    ("queue(workers=1, limit=9, abandoned=work)", "0+10 1+1 x0@10", "0 9", 0),
    // A call that hangs holds its worker until it leaves.
    ("queue(workers=1, limit=9)", "0+h 1+1 x0@50", "0 49", 0),
    // It has no planned end to which work could go on.
    ("queue(workers=1, limit=9, abandoned=work)", "0+h 1+1 x0@50", "0 49", 0),
    // Nor has one that leaves while it stands: its place is free for c.
    ("queue(workers=1, limit=1, abandoned=work)", "0+10 1+h x1@2 3+1", "0 left 7", 0),
    // One that ends at its deadline.
    ("queue(workers=1, limit=9, abandoned=work)", "0+h@30 1+1", "0 29", 0),
    // a goes on during the stall; b and c stand until 20, although a worker is free.
    ("queue(workers=2, limit=9); stall(at=10ns, for=10ns)", "0+15 12+5 13+5", "0 8 7", 0),
    // The limit holds during the stall; at 20 there are workers for both a and c.
    ("queue(workers=2, limit=1); stall(at=10ns, for=10ns)", "12+5 13+5 20+1", "8 shed 0", 0),
    // Nobody may stand, so the stall refuses everyone.
    ("queue(workers=1, limit=0); stall(at=10ns, for=10ns)", "9+1 12+5 20+5", "0 shed 0", 0),
    // a ends during the stall, but b begins only after it.
    ("queue(workers=1, limit=9); stall(at=10ns, for=10ns)", "5+7 6+4", "0 14", 0),
    // a ends as the first window begins; b is served from 20 to 45, into the second window, which is over at 50.
    (
        "queue(workers=1, limit=9); stall(at=10ns, for=10ns, every=30ns)",
        "0+10 1+25 2+1",
        "0 19 48",
        0,
    ),
    // c is first after the stall.
    ("queue(workers=1, limit=9, order=lifo); stall(for=10ns)", "1+2 3+2 5+2", "13 9 5", 0),
    // During the stall, b leaves at its deadline.
    ("queue(workers=1, limit=9); stall(for=10ns)", "1+2 3+2@7 5+2", "9 left 7", 0),
    // c was received at 15, but told when it was already 20: it counts from then, and begins at 21.
    ("queue(workers=1, limit=9)", "0+10 20+1 15+1", "0 0 6", 0),
    // Even if a worker is free, it begins no earlier than now.
    ("queue(workers=2, limit=9)", "20+5 15+1", "0 5", 0),
    // a left at 4, but that was told when it was already 8.
    ("queue(workers=1, limit=9)", "0+20 1+5 t8 x0@4", "0 7", 0),
    // A second worker begins with b at 5, and a's with c at 10.
    ("queue(workers=1, limit=9)", "0+10 1+10 2+10 r2/9@5", "0 4 8", 0),
    // a's worker goes at 10, so that c has to wait for b's.
    ("queue(workers=2, limit=9)", "0+10 0+20 1+5 2+5 r1/9@3", "0 0 19 23", 0),
    // Three stand, which is now too many, but only e is refused.
    ("queue(workers=1, limit=3)", "0+10 1+1 2+1 3+1 r1/1@4 5+1", "0 9 9 9 shed", 0),
];

#[test]
fn each_call_is_queued_as_worked_out_by_hand() {
    for (text, told, expected, wasted) in SCHEDULES {
        let behavior: Behavior = text.parse().unwrap();
        let gate = behavior.stall().map(|stall| StallGate::new(stall.clone(), 0));
        let mut play = Play::new(behavior.queue().unwrap(), gate);
        play.tell_all(&format!("{told} t1000"));
        let fates: Vec<_> = play.fates().iter().map(ToString::to_string).collect();
        assert_eq!(fates.join(" "), *expected, "{text}: {told}");
        assert_eq!(play.queue.wasted().as_nanos(), u128::from(*wasted), "{text}: {told}");
        assert_eq!((play.queue.standing(), play.queue.busy()), (0, 0), "{text}: {told}");
        let shed = expected.matches("shed").count();
        assert_eq!(play.queue.shed(), u64::try_from(shed).unwrap(), "{text}: {told}");
    }
}

fn queue(text: &str) -> Queue {
    let behavior: Behavior = text.parse().expect("a behavior");
    *behavior.queue().expect("a queue")
}

/// Each call that is still there has a timer of its own.
#[test]
fn only_ends_of_abandoned_calls_and_openings_are_unattended() {
    let mut play = Play::new(&queue("queue(workers=2, limit=9, abandoned=work)"), AlwaysOpen);
    play.tell_all("0+10 0+20 1+5 2+5");
    assert_eq!(play.queue.next_unattended(), None);
    assert_eq!(play.queue.next_event(), Some(10));
    // The service of the second call goes on without it.
    play.tell_all("x1@3");
    assert_eq!(play.queue.next_unattended(), Some(20));
    // The third, which stands, will be served unattended from 10 to 15.
    play.tell_all("x2@4 t10");
    assert_eq!(play.queue.next_unattended(), Some(15));
    play.tell_all("t20");
    assert_eq!(play.queue.next_unattended(), None);

    let stall: Behavior = "stall(at=5ns, for=5ns)".parse().unwrap();
    let gate = StallGate::new(stall.stall().unwrap().clone(), 100);
    let mut play = Play::new(&queue("queue(workers=1, limit=9)"), gate);
    play.tell_all("106+5");
    assert_eq!((play.queue.next_unattended(), play.queue.clock()), (Some(110), 106));
    // With nobody there, the opening is of no interest.
    play.tell_all("x0@107");
    assert_eq!(play.queue.next_unattended(), None);
}

#[test]
fn a_gate_can_be_replaced() {
    let stall: Behavior = "stall(for=1s)".parse().unwrap();
    let gate = StallGate::new(stall.stall().unwrap().clone(), 0);
    let mut play = Play::new(&queue("queue(workers=1, limit=9)"), Some(gate));
    play.tell_all("5+5");
    assert_eq!(play.place(0), Some(Place::Standing));
    play.queue.set_gate(8, None, &mut play.started);
    play.tell_all("t9");
    assert_eq!(play.place(0), Some(Place::Serving { since: 8 }));
    play.tell_all("t13");
    assert_eq!(play.place(0), None);
}
