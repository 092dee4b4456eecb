//! A queue that is obviously right: it goes through time nanosecond by nanosecond, and through all calls at each.

use longsync_behavior::queue::QueuedCall;
use longsync_behavior::{Abandoned, Queue, QueueOrder};

use super::schedules_text::{Event, Fate};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Shed,
    Standing,
    Serving { since: u64 },
    Over,
}

struct NaiveCall {
    at: u64,
    call: QueuedCall,
    state: State,
    /// When its caller saw its service begin.
    began: Option<u64>,
    has_left: bool,
}

pub(super) struct NaiveQueue {
    queue: Queue,
    /// When the first window of a stall begins, its length and its period.
    windows: Option<[u64; 3]>,
    calls: Vec<NaiveCall>,
    now: u64,
    pub(super) wasted: u64,
}

impl NaiveQueue {
    pub(super) fn new(queue: Queue, windows: Option<[u64; 3]>) -> Self {
        Self { queue, windows, calls: Vec::new(), now: 0, wasted: 0 }
    }

    pub(super) fn tell(&mut self, event: &Event) {
        self.settle();
        while self.now < event.at() {
            self.now += 1;
            self.settle();
        }
        match *event {
            Event::Arrival { at, call } => self.arrive(at, call),
            Event::Cancel { call, .. } => self.cancel(call),
            Event::Told { .. } => {}
            Event::Resize { to, .. } => {
                let order = self.queue.order();
                self.queue = to.with_order(order).with_abandoned(self.queue.abandoned());
            }
        }
        self.begin();
    }

    pub(super) fn standing(&self) -> usize {
        self.calls.iter().filter(|call| call.state == State::Standing).count()
    }

    pub(super) fn busy(&self) -> usize {
        let is_busy = |call: &&NaiveCall| matches!(call.state, State::Serving { .. });
        self.calls.iter().filter(is_busy).count()
    }

    pub(super) fn fates(&self) -> Vec<Fate> {
        let fate = |call: &NaiveCall| match (call.state, call.began) {
            (State::Shed, _) => Fate::Shed,
            (_, Some(began)) => Fate::Queued(began - call.at),
            (_, None) => Fate::Left,
        };
        self.calls.iter().map(fate).collect()
    }

    fn is_open(&self) -> bool {
        self.windows.is_none_or(|[first, length, period]| {
            self.now < first || (self.now - first) % period >= length
        })
    }

    fn is_free(&self, call: &QueuedCall) -> bool {
        self.queue.abandoned() == Abandoned::Free || call.service.is_none()
    }

    fn arrive(&mut self, at: u64, call: QueuedCall) {
        let can_begin = self.is_open() && self.busy() < self.queue.workers() as usize;
        let state = if can_begin && self.standing() == 0 {
            State::Serving { since: self.now }
        } else if self.standing() < self.queue.limit() as usize {
            State::Standing
        } else {
            State::Shed
        };
        let began = matches!(state, State::Serving { .. }).then_some(self.now);
        self.calls.push(NaiveCall { at, call, state, began, has_left: false });
    }

    fn cancel(&mut self, index: usize) {
        let Some(call) = self.calls.get(index) else { return };
        let is_here = matches!(call.state, State::Standing | State::Serving { .. });
        if is_here && self.is_free(&call.call) {
            self.calls[index].state = State::Over;
        } else if is_here {
            self.calls[index].has_left = true;
        }
    }

    /// Everything that happens now.
    fn settle(&mut self) {
        let now = self.now;
        for index in 0..self.calls.len() {
            let NaiveCall { call, state, .. } = self.calls[index];
            let is_late = call.deadline.is_some_and(|deadline| deadline <= now);
            if state == State::Standing && is_late && self.is_free(&call) {
                self.calls[index].state = State::Over;
            }
        }
        loop {
            self.begin();
            let Some(index) = (0..self.calls.len()).find(|index| self.has_ended(*index)) else {
                return;
            };
            self.end(index);
        }
    }

    fn has_ended(&self, index: usize) -> bool {
        let NaiveCall { call, state, .. } = self.calls[index];
        let State::Serving { since } = state else { return false };
        let is_served = call.service.is_some_and(|service| since + service <= self.now);
        let is_late = call.deadline.is_some_and(|deadline| deadline <= self.now);
        is_served || (is_late && self.is_free(&call))
    }

    fn end(&mut self, index: usize) {
        let free = self.is_free(&self.calls[index].call);
        let call = &mut self.calls[index];
        let State::Serving { since } = call.state else { return };
        let service = call.call.service.unwrap_or_default();
        let is_late = call.call.deadline.is_some_and(|it| it < since + service || it <= since);
        if !free && (call.has_left || is_late) {
            self.wasted += service;
        }
        call.state = State::Over;
    }

    fn begin(&mut self) {
        while self.is_open() && self.busy() < self.queue.workers() as usize {
            let stands = |index: &usize| self.calls[*index].state == State::Standing;
            let mut all = (0..self.calls.len()).filter(stands);
            let next = match self.queue.order() {
                QueueOrder::Lifo => all.next_back(),
                _ => all.next(),
            };
            let Some(next) = next else { return };
            let call = &mut self.calls[next];
            call.state = State::Serving { since: self.now };
            let is_late = call.call.deadline.is_some_and(|deadline| deadline <= self.now);
            call.began = (!call.has_left && !is_late).then_some(self.now);
        }
    }
}
