//! Small schedules, written in a line and played to a queue.
//!
//! Events are separated by blanks and told in the written order; moments and durations are nanoseconds:
//! `3+10` a call arrives at 3 whose service takes 10, `3+10@8` the same with a deadline at 8, `3+h` a call that
//! hangs; `x0@5` the first call is canceled at 5; `t9` the queue is told that it is 9; `r2/5@7` from 7 on it has
//! two workers and a limit of 5.

use std::fmt;

use longsync_behavior::Queue;
use longsync_behavior::queue::{
    Entry, Gate, Place, QueuedCall, ServiceStart, Ticket, VirtualQueue,
};

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Queued(u64),
    Shed,
    /// It left before its service began.
    Left,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued(queued) => write!(f, "{queued}"),
            Self::Shed => f.write_str("shed"),
            Self::Left => f.write_str("left"),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    Arrival { at: u64, call: QueuedCall },
    Cancel { at: u64, call: usize },
    Told { at: u64 },
    Resize { at: u64, to: Queue },
}

impl Event {
    pub(super) fn at(&self) -> u64 {
        match *self {
            Self::Arrival { at, .. }
            | Self::Cancel { at, .. }
            | Self::Told { at }
            | Self::Resize { at, .. } => at,
        }
    }
}

/// A queue, and what is known of the calls that it was told of.
pub(super) struct Play<G> {
    pub(super) queue: VirtualQueue<usize, G>,
    pub(super) started: Vec<ServiceStart<usize>>,
    arrivals: Vec<u64>,
    pub(super) calls: Vec<QueuedCall>,
    tickets: Vec<Option<Ticket>>,
    pub(super) since: Vec<Option<u64>>,
}

impl<G: Gate> Play<G> {
    pub(super) fn new(queue: &Queue, gate: G) -> Self {
        Self {
            queue: VirtualQueue::with_gate(queue, gate),
            started: Vec::new(),
            arrivals: Vec::new(),
            calls: Vec::new(),
            tickets: Vec::new(),
            since: Vec::new(),
        }
    }

    pub(super) fn tell_all(&mut self, text: &str) {
        for word in text.split_whitespace() {
            self.tell(&event(word));
        }
    }

    pub(super) fn tell(&mut self, event: &Event) {
        match *event {
            Event::Arrival { at, call } => self.arrive(at, call),
            Event::Cancel { at, call } => match self.tickets.get(call).copied().flatten() {
                Some(ticket) => {
                    self.queue.leave(at, ticket, &mut self.started);
                }
                None => self.queue.advance(at, &mut self.started),
            },
            Event::Told { at } => self.queue.advance(at, &mut self.started),
            Event::Resize { at, to } => self.queue.resize(at, &to, &mut self.started),
        }
        self.note_starts();
    }

    fn arrive(&mut self, at: u64, call: QueuedCall) {
        let index = self.calls.len();
        let entry = self.queue.arrive(at, call, || index, &mut self.started);
        let (ticket, since) = match entry {
            Entry::Serving { ticket, since } => (Some(ticket), Some(since)),
            Entry::Standing(ticket) => (Some(ticket), None),
            Entry::Shed => (None, None),
        };
        self.arrivals.push(at);
        self.calls.push(call);
        self.tickets.push(ticket);
        self.since.push(since);
    }

    fn note_starts(&mut self) {
        for start in self.started.drain(..) {
            assert_eq!(self.tickets[start.waiting], Some(start.ticket));
            assert_eq!(self.since[start.waiting].replace(start.since), None, "it began twice");
        }
    }

    pub(super) fn place(&self, call: usize) -> Option<Place> {
        self.queue.place(self.tickets[call]?)
    }

    pub(super) fn fates(&self) -> Vec<Fate> {
        let all = self.tickets.iter().zip(&self.since).zip(&self.arrivals);
        all.map(|((ticket, since), at)| match (ticket, since) {
            (None, _) => Fate::Shed,
            (_, Some(since)) => Fate::Queued(since - at),
            (_, None) => Fate::Left,
        })
        .collect()
    }
}

fn event(word: &str) -> Event {
    read_event(word).unwrap_or_else(|| panic!("{word} is not an event"))
}

fn read_event(word: &str) -> Option<Event> {
    if let Some(at) = word.strip_prefix('t') {
        return Some(Event::Told { at: at.parse().ok()? });
    }
    if let Some(rest) = word.strip_prefix('x') {
        let (call, at) = rest.split_once('@')?;
        return Some(Event::Cancel { at: at.parse().ok()?, call: call.parse().ok()? });
    }
    if let Some(rest) = word.strip_prefix('r') {
        let (to, at) = rest.split_once('@')?;
        let (workers, limit) = to.split_once('/')?;
        let to = Queue::new(workers.parse().ok()?, limit.parse().ok()?).ok()?;
        return Some(Event::Resize { at: at.parse().ok()?, to });
    }
    let (at, call) = word.split_once('+')?;
    let (service, deadline) = match call.split_once('@') {
        Some((service, deadline)) => (service, Some(deadline.parse().ok()?)),
        None => (call, None),
    };
    let service = if service == "h" { None } else { Some(service.parse().ok()?) };
    Some(Event::Arrival { at: at.parse().ok()?, call: QueuedCall { service, deadline } })
}
