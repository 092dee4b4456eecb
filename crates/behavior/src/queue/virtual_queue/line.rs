//! The calls that stand.

use std::collections::{BTreeMap, BTreeSet};

use super::call::{QueuedCall, Ticket};
use crate::queue::QueueOrder;

#[derive(Debug)]
pub(super) struct Line<T> {
    /// By arrival.
    calls: BTreeMap<Ticket, StandingCall<T>>,
    /// When those calls leave that do so at their deadlines.
    expiries: BTreeSet<(u64, Ticket)>,
}

#[derive(Debug)]
pub(super) struct StandingCall<T> {
    pub(super) call: QueuedCall,
    /// When it leaves the line by itself.
    pub(super) expires: Option<u64>,
    /// What wakes it. [`None`] if it has been abandoned.
    pub(super) waiting: Option<T>,
}

// Derived, it would require that `T` has a default.
impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { calls: BTreeMap::new(), expiries: BTreeSet::new() }
    }
}

impl<T> Line<T> {
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn has(&self, ticket: Ticket) -> bool {
        self.calls.contains_key(&ticket)
    }

    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut StandingCall<T>> {
        self.calls.get_mut(&ticket)
    }

    pub(super) fn next_expiry(&self) -> Option<(u64, Ticket)> {
        self.expiries.first().copied()
    }

    pub(super) fn push(&mut self, ticket: Ticket, call: StandingCall<T>) {
        if let Some(at) = call.expires {
            self.expiries.insert((at, ticket));
        }
        self.calls.insert(ticket, call);
    }

    /// Takes the call that is next.
    pub(super) fn pop(&mut self, order: QueueOrder) -> Option<(Ticket, StandingCall<T>)> {
        let (ticket, call) = match order {
            QueueOrder::Fifo => self.calls.pop_first(),
            QueueOrder::Lifo => self.calls.pop_last(),
        }?;
        self.forget_expiry(ticket, &call);
        Some((ticket, call))
    }

    pub(super) fn remove(&mut self, ticket: Ticket) {
        if let Some(call) = self.calls.remove(&ticket) {
            self.forget_expiry(ticket, &call);
        }
    }

    fn forget_expiry(&mut self, ticket: Ticket, call: &StandingCall<T>) {
        if let Some(at) = call.expires {
            self.expiries.remove(&(at, ticket));
        }
    }
}
