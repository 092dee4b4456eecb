//! Properties of any schedule.

use std::time::Duration;

use longsync_behavior::queue::{Gate, QueuedCall, StallGate};
use longsync_behavior::{Abandoned, Origin, Queue, QueueOrder, Stall};
use proptest::prelude::*;

use super::naive::NaiveQueue;
use super::schedules_text::{Event, Play};

/// All schedules are over by then, except for calls that hang.
const END: u64 = 2_000;

fn queue() -> impl Strategy<Value = Queue> {
    (1_u32..4, 0_u32..4, any::<[bool; 2]>()).prop_map(|(workers, limit, [is_lifo, is_work])| {
        let order = if is_lifo { QueueOrder::Lifo } else { QueueOrder::Fifo };
        let abandoned = if is_work { Abandoned::Work } else { Abandoned::Free };
        Queue::new(workers, limit).expect("a queue").with_order(order).with_abandoned(abandoned)
    })
}

/// When the first window begins, its length and its period.
fn windows() -> impl Strategy<Value = Option<[u64; 3]>> {
    let windows = (0_u64..20, 1_u64..15, 1_u64..20);
    proptest::option::of(windows.prop_map(|(at, length, gap)| [at, length, length + gap]))
}

fn gate([at, length, period]: [u64; 3]) -> StallGate {
    let [at, length, period] = [at, length, period].map(Duration::from_nanos);
    let stall = Stall::new(at, length, Some(period), Origin::Effect).expect("a stall");
    StallGate::new(stall, 0)
}

fn event() -> impl Strategy<Value = Event> {
    let at = 0_u64..60;
    let service = prop_oneof![6 => (0_u64..12).prop_map(Some), 1 => Just(None)];
    let deadline = proptest::option::of(0_u64..25);
    let arrival = (at.clone(), service, deadline).prop_map(|(at, service, after)| {
        let deadline = after.map(|after| at + after);
        Event::Arrival { at, call: QueuedCall { service, deadline } }
    });
    prop_oneof![
        12 => arrival,
        3 => (at.clone(), 0_usize..12).prop_map(|(at, call)| Event::Cancel { at, call }),
        2 => at.clone().prop_map(|at| Event::Told { at }),
        1 => (at, queue()).prop_map(|(at, to)| Event::Resize { at, to }),
    ]
}

/// Mostly in order; events that are told late count as now.
fn events() -> impl Strategy<Value = Vec<Event>> {
    (prop::collection::vec(event(), 1..24), 0_usize..4).prop_map(|(mut events, late)| {
        let late = late.min(events.len());
        events[late..].sort_by_key(Event::at);
        events
    })
}

/// The call that is the next to wake by itself, at the end of its service or at its deadline, and when. A call
/// that has woken or was canceled is no longer there.
fn next_timer<G: Gate>(play: &Play<G>, is_gone: &[bool]) -> Option<(u64, usize)> {
    let timer = |call: usize| {
        let QueuedCall { service, deadline } = play.calls[call];
        play.place(call).filter(|_| !is_gone[call])?;
        let end = play.since[call].zip(service).map(|(since, service)| since + service);
        let at = [end, deadline].into_iter().flatten().min()?;
        Some((at.max(play.queue.clock()), call))
    };
    (0..play.calls.len()).filter_map(timer).min()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// After every event, the queue is as one that was written apart from it.
    #[test]
    fn any_schedule_ends_as_in_a_naive_queue(queue in queue(), windows in windows(), events in events()) {
        let mut naive = NaiveQueue::new(queue, windows);
        let mut play = Play::new(&queue, windows.map(gate));
        for event in events.iter().chain([&Event::Told { at: END }]) {
            naive.tell(event);
            play.tell(event);
            let state = (play.queue.standing(), play.queue.busy());
            prop_assert_eq!(state, (naive.standing(), naive.busy()), "{:?}", event);
        }
        prop_assert_eq!(play.fates(), naive.fates());
        prop_assert_eq!(play.queue.wasted(), Duration::from_nanos(naive.wasted));
    }

    /// A driver that advances the queue at the calls' own timers and at unattended moments misses nothing: each
    /// call that stood learns of its start at that very moment.
    #[test]
    fn no_start_is_missed(queue in queue(), windows in windows(), mut events in events()) {
        events.sort_by_key(Event::at);
        let mut play = Play::new(&queue, windows.map(gate));
        let mut is_gone = vec![false; events.len()];
        for event in events.iter().chain([&Event::Told { at: END }]) {
            loop {
                let timer = next_timer(&play, &is_gone);
                let wakes = timer.map(|(at, _)| at).into_iter().chain(play.queue.next_unattended()).min();
                let Some(at) = wakes.filter(|at| *at < event.at()) else { break };
                if let Some((_, call)) = timer.filter(|(timer, _)| *timer == at) {
                    is_gone[call] = true;
                }
                play.queue.advance(at, &mut play.started);
                prop_assert!(play.started.iter().all(|start| start.since == at), "{:?}", play.started);
                play.tell(&Event::Told { at });
            }
            let before = play.since.clone();
            play.tell(event);
            if let Event::Cancel { call, .. } = *event && call < is_gone.len() {
                is_gone[call] |= call < play.calls.len();
            }
            for (since, _) in play.since.iter().zip(before).filter(|(since, before)| since != &before) {
                prop_assert_eq!(*since, Some(event.at()));
            }
        }
    }

    /// How often and how late the queue is told of the time makes no difference.
    #[test]
    fn lateness_makes_no_difference(queue in queue(), windows in windows(), mut events in events(), told in prop::collection::vec(0_u64..80, 0..12)) {
        events.sort_by_key(Event::at);
        let play = |events: &[Event]| {
            let mut play = Play::new(&queue, windows.map(gate));
            events.iter().chain([&Event::Told { at: END }]).for_each(|event| play.tell(event));
            (play.fates(), play.queue.wasted())
        };
        let mut often = events.clone();
        often.extend(told.into_iter().map(|at| Event::Told { at }));
        often.sort_by_key(Event::at);
        prop_assert_eq!(play(&events), play(&often));
    }
}
