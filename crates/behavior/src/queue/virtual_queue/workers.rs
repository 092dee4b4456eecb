//! The calls in service.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::NEVER;
use super::call::Ticket;

#[derive(Debug, Default)]
pub(super) struct Workers {
    calls: BTreeMap<Ticket, ServedCall>,
    /// When services end. Those that never end by themselves are not in it.
    ends: BTreeSet<(u64, Ticket)>,
    /// Those of the ends at which the call is no longer there.
    unattended: BTreeSet<(u64, Ticket)>,
}

#[derive(Debug)]
struct ServedCall {
    since: u64,
    end: u64,
    service: Option<u64>,
}

impl Workers {
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// How many services go on after this moment.
    pub(super) fn len_at(&self, at: u64) -> usize {
        let ended = self.ends.iter().take_while(|(end, _)| *end <= at).count();
        self.calls.len() - ended
    }

    /// How long the services go on after this moment, all together.
    pub(super) fn rest_at(&self, at: u64) -> u128 {
        self.ends.iter().map(|(end, _)| u128::from(end.saturating_sub(at))).sum()
    }

    pub(super) fn end_of(&self, ticket: Ticket) -> Option<u64> {
        self.calls.get(&ticket).map(|call| call.end).filter(|end| *end < NEVER)
    }

    pub(super) fn since(&self, ticket: Ticket) -> Option<u64> {
        self.calls.get(&ticket).map(|call| call.since)
    }

    pub(super) fn has_planned_end(&self, ticket: Ticket) -> bool {
        self.calls.get(&ticket).is_some_and(|call| call.service.is_some())
    }

    pub(super) fn next_end(&self) -> Option<(u64, Ticket)> {
        self.ends.first().copied()
    }

    pub(super) fn next_unattended(&self) -> Option<u64> {
        self.unattended.first().map(|(at, _)| *at)
    }

    pub(super) fn start(
        &mut self,
        ticket: Ticket,
        since: u64,
        end: u64,
        service: Option<u64>,
        is_unattended: bool,
    ) {
        if end < NEVER {
            self.ends.insert((end, ticket));
        }
        self.calls.insert(ticket, ServedCall { since, end, service });
        if is_unattended {
            self.abandon(ticket);
        }
    }

    /// The call is no longer there, but its service goes on.
    pub(super) fn abandon(&mut self, ticket: Ticket) {
        if let Some(call) = self.calls.get(&ticket) {
            self.unattended.insert((call.end, ticket));
        }
    }

    /// The service of a call ends. Returns how much of it was wasted.
    pub(super) fn end(&mut self, ticket: Ticket) -> Duration {
        let Some(call) = self.calls.remove(&ticket) else { return Duration::ZERO };
        let at = (call.end, ticket);
        self.ends.remove(&at);
        let is_wasted = self.unattended.remove(&at);
        Duration::from_nanos(call.service.filter(|_| is_wasted).unwrap_or_default())
    }

    /// A call's worker becomes free before its service has ended.
    pub(super) fn free(&mut self, ticket: Ticket) {
        if let Some(call) = self.calls.remove(&ticket) {
            self.ends.remove(&(call.end, ticket));
        }
    }
}
