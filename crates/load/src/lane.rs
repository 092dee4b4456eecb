//! One connection of a worker, and the calls on it.
//!
//! A connection whose peer has sent a GOAWAY takes no more calls from the moment at which the GOAWAY was
//! read, and is driven until the calls on it have ended; the next connection takes its place, as a lane of
//! its own.
//!
//! The connection's task reads what has arrived, looks at the calls that this concerns, and makes the worker
//! send more; a complete batch is written in the task's next turn. A waiting call is a few words here plus
//! HTTP/2's own stream state: no task, no future of its own.

mod connected;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use longsync_connect::{Code, Transport};
use longsync_ready::Ready;
use longsync_stats::{CallRecord, Counts, Moment, StatusCode};
use slab::Slab;
use tokio::sync::Notify;

pub(crate) use self::connected::ReadyConnection;
use self::connected::{LaneConnection, LaneSender};
use crate::backoff::Backoff;
use crate::common::Common;
use crate::ending::Ending;
use crate::gauge::BytesPassed;
use crate::method::{CallNumber, Method};
use crate::pending_answer::{PendingAnswer, ServerName};
use crate::records::UnfinishedCall;

/// A connection that lasted this long was useful, even if it answered nothing.
const LONG_ENOUGH: Duration = Duration::from_millis(100);

/// The owner of lanes, which they notify.
pub(crate) trait LaneOwner {
    /// The method that is called.
    type Method: Method<Answer = Self::Answer>;
    /// The part of an answer that is kept while it arrives.
    type Answer: Default;
    /// The way in which connections are opened.
    type Transport: Transport;

    /// Spawns a task on the owner's thread; a panic of the task is not ignored.
    fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static);

    /// What the owner's calls share.
    fn common(&self) -> &Common<Self::Method, Self::Transport>;

    /// A call has ended.
    fn ended(&self, call: &CallRecord, ending: &Ending);

    /// A connection takes calls from now on, or takes no more.
    fn connection(&self, is_open: bool);

    /// The given number of calls of the lane with this index have ended, or the lane takes calls or bytes
    /// again.
    fn lane_moved(&self, lane: usize, ended: usize);

    /// From now on this is the lane with this index, which may be one more than the last index so far. Calls
    /// may still be in flight on the previous lane.
    fn lane_follows(&self, index: usize, lane: Rc<Lane<Self::Answer>>);

    /// The number of lanes.
    fn lanes(&self) -> usize;

    /// Bytes have passed.
    fn passed(&self, passed: BytesPassed);

    /// Adds events of connections to the counts.
    fn count(&self, add: impl FnOnce(&mut Counts));

    /// The name of a server. Each connection reports it once, with its first good answer.
    fn server(&self, name: &str);
}

/// A connection and the calls on it; `A` is the part of an answer that is kept.
#[derive(Debug)]
pub(crate) struct Lane<A> {
    calls: RefCell<LaneCalls<A>>,
    ready: Ready,
    /// Notified when the connection takes no more calls.
    closed: Notify,
}

#[derive(Debug)]
struct LaneCalls<A> {
    /// [`None`] once its connection takes no more calls.
    peer: Option<LaneSender>,
    /// Whether another connection is then opened at once.
    is_followed: bool,
    /// When the connections that replace this one are opened.
    backoff: Backoff,
    opened: Moment,
    /// How many calls were sent on it, and how many of those the peer reports that it never processed.
    sent: u64,
    refused: u64,
    /// Whether the peer has ended a call with a gRPC status.
    has_answered: bool,
    /// Whether this connection has not learned its server's name yet.
    server_name: ServerName,
    open: Slab<CallInFlight<A>>,
    /// The waker of each key that has been used.
    wakers: Vec<Waker>,
}

/// A call in flight.
#[derive(Debug)]
struct CallInFlight<A> {
    call: CallNumber,
    due: Option<Moment>,
    sent: Moment,
    answer: PendingAnswer<A>,
}

/// What a turn of a connection has learned about its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PeerNews {
    Nothing,
    /// Bytes, which may include a GOAWAY.
    Bytes,
    /// The end of the connection.
    End,
}

/// Why no lane took a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaneError {
    /// The limit of the plan on calls in flight has been reached.
    Limited,
    /// All streams that the peer allows are taken.
    Full,
    /// There is no connection.
    Closed,
    /// The connection is taking no bytes now, or another one is being opened in its place.
    Blocked,
}

/// The slot of a call in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InFlightSlot {
    key: usize,
    call: CallNumber,
}

impl<A> Default for Lane<A> {
    fn default() -> Self {
        let calls = LaneCalls {
            peer: None,
            is_followed: false,
            backoff: Backoff::default(),
            opened: Moment::START,
            sent: 0,
            refused: 0,
            has_answered: false,
            server_name: ServerName::Wanted,
            open: Slab::new(),
            wakers: Vec::new(),
        };
        Self { calls: RefCell::new(calls), ready: Ready::default(), closed: Notify::new() }
    }
}

impl<A: Default + 'static> Lane<A> {
    /// Hands a call to HTTP/2 at this moment, if a connection has a stream for it.
    pub(crate) fn send<M: Method<Answer = A>, T>(
        &self,
        call: CallNumber,
        due: Option<Moment>,
        sent: Moment,
        common: &Common<M, T>,
    ) -> Result<InFlightSlot, LaneError> {
        let calls = &mut *self.calls.borrow_mut();
        let Some(peer) = &mut calls.peer else { return Err(calls.not_sent()) };
        if calls.open.len() >= peer.max_streams {
            return Err(LaneError::Full);
        }
        if peer.gauge.is_blocked() {
            return Err(LaneError::Blocked);
        }
        let entry = calls.open.vacant_entry();
        let key = entry.key();
        if key == calls.wakers.len() {
            let key = u32::try_from(key).expect("HTTP/2 has less than 2^31 streams");
            calls.wakers.push(self.ready.waker(key));
        }
        let mut cx = Context::from_waker(&calls.wakers[key]);
        let Ok(answer) = PendingAnswer::begin(&mut peer.sender, common, call, &mut cx) else {
            // A call that was cut keeps its stream until HTTP/2 has written the reset.
            if peer.sender.poll_ready(&mut cx).is_pending() {
                return Err(LaneError::Full);
            }
            // The connection's stream IDs have run out. The calls in flight on it may still end well.
            calls.close(sent);
            self.closed.notify_one();
            // Wakes the task that drives the connection, so that it notices this.
            self.ready.waker(u32::MAX).wake();
            return Err(calls.not_sent());
        };
        entry.insert(CallInFlight { call, due, sent, answer });
        calls.sent += 1;
        Ok(InFlightSlot { key, call })
    }

    /// Takes calls for this connection from `now` on; [`Lane::carry`] then sends them.
    pub(crate) fn open<IO>(
        &self,
        connected: ReadyConnection<IO>,
        now: Moment,
    ) -> LaneConnection<IO> {
        let ReadyConnection { peer, connection, nth, backoff, failed_attempts } = connected;
        let gauge = Rc::clone(&peer.gauge);
        let calls = &mut *self.calls.borrow_mut();
        (calls.peer, calls.opened, calls.backoff) = (Some(peer), now, backoff);
        LaneConnection { connection, gauge, nth, failed_attempts }
    }

    /// Carries calls until it is dropped: first on `opened`, then on another connection, with a lane of its
    /// own, whenever one takes no more calls. `index` is this lane's index among the owner's.
    pub(crate) async fn carry<O: LaneOwner<Answer = A> + 'static>(
        self: Rc<Self>,
        index: usize,
        mut opened: LaneConnection<<O::Transport as Transport>::Io>,
        owner: Rc<O>,
    ) {
        let mut lane = self;
        loop {
            let nth = opened.nth;
            owner.count(|counts| {
                counts.connections_opened += 1;
                counts.connections_refused += opened.failed_attempts;
            });
            owner.spawn(Rc::clone(&lane).drive(index, opened, Rc::clone(&owner)));
            lane.closed.notified().await;
            owner.connection(false);
            owner.count(|counts| counts.connections_lost += 1);
            let connected = lane.successor(index, nth, &*owner).await;
            owner.connection(true);
            lane = Rc::default();
            opened = lane.open(connected, owner.common().now());
            owner.lane_follows(index, Rc::clone(&lane));
        }
    }

    /// Opens the connection that replaces this one, the `nth` of the run.
    async fn successor<O: LaneOwner<Answer = A>>(
        &self,
        index: usize,
        nth: u64,
        owner: &O,
    ) -> ReadyConnection<<O::Transport as Transport>::Io> {
        let common = owner.common();
        let mut backoff = self.calls.borrow().backoff;
        loop {
            let wait = backoff.next_wait();
            if !wait.is_zero() {
                common.timer.sleep(wait).await;
            }
            match ReadyConnection::dial(common, nth).await {
                Ok(connected) => return ReadyConnection { backoff, ..connected },
                Err(why) => owner.count(|counts| counts.connections_refused += why.attempts),
            }
            // Calls that waited for the connection stop waiting.
            self.calls.borrow_mut().is_followed = false;
            owner.lane_moved(index, 0);
        }
    }

    /// Drives a connection to its end, or until it takes no more calls and the calls on it have ended.
    async fn drive<O: LaneOwner<Answer = A>>(
        self: Rc<Self>,
        index: usize,
        LaneConnection { mut connection, gauge, .. }: LaneConnection<
            <O::Transport as Transport>::Io,
        >,
        owner: Rc<O>,
    ) {
        let common = owner.common();
        let mut keys = Vec::new();
        poll_fn(|cx| {
            gauge.refill();
            let polled = connection.poll(cx);
            let now = match &polled {
                Poll::Ready(_) => common.now(),
                Poll::Pending => common.moment(gauge.last_read()),
            };
            let ended = self.end_ready(&mut keys, now, &*owner);
            // A busy thread would look at its timer only after many such turns.
            common.timer.drain_due();
            let passed = gauge.take_passed();
            let news = match &polled {
                Poll::Ready(_) => PeerNews::End,
                Poll::Pending if passed.bytes_in > 0 => PeerNews::Bytes,
                Poll::Pending => PeerNews::Nothing,
            };
            self.look_at_peer(connection.max_streams(), news, now);
            if passed != BytesPassed::default() {
                owner.passed(passed);
            }
            owner.lane_moved(index, ended);
            if !self.ready.sleep(cx.waker()) {
                cx.waker().wake_by_ref();
            }
            if self.is_over() { Poll::Ready(()) } else { polled.map(drop) }
        })
        .await;
        // HTTP/2 has notified each of its streams; these are the calls that it did not know about.
        let left: Vec<_> = self.calls.borrow_mut().open.drain().collect();
        let ended = left.len();
        for open in left {
            let ending = Ending::abandoned();
            owner.ended(&open.ended(common.now(), &ending), &ending);
        }
        owner.lane_moved(index, ended);
    }

    /// Records how many streams the peer allows, and closes the lane at once if its connection is lost: a
    /// lane whose streams are all taken would not find out by sending, and its calls may last long.
    fn look_at_peer(&self, max_streams: usize, news: PeerNews, now: Moment) {
        let calls = &mut *self.calls.borrow_mut();
        let Some(peer) = &mut calls.peer else { return };
        peer.max_streams = max_streams;
        let is_lost = match news {
            // A failed write ends the connection, and HTTP/2 reports it nowhere else: the lane would go on
            // taking calls that are never written.
            PeerNews::End => true,
            PeerNews::Bytes => peer.lost().is_some(),
            PeerNews::Nothing => false,
        };
        if is_lost {
            calls.close(now);
            self.closed.notify_one();
        }
    }

    /// Looks at the calls that were woken; those that are over ended at `now`. Returns how many did.
    fn end_ready<O: LaneOwner<Answer = A>>(
        &self,
        keys: &mut Vec<u32>,
        now: Moment,
        owner: &O,
    ) -> usize {
        self.ready.take(keys);
        let mut ended = 0;
        for key in keys.drain(..) {
            let key = key as usize;
            let calls = &mut *self.calls.borrow_mut();
            let Some(open) = calls.open.get_mut(key) else { continue };
            let mut cx = Context::from_waker(&calls.wakers[key]);
            let polled = open.answer.poll(owner.common(), calls.server_name, &mut cx);
            if let Poll::Ready(ending) = polled {
                let open = calls.open.remove(key);
                calls.learn(&ending);
                owner.ended(&open.ended(now, &ending), &ending);
                if let Some(name) = &ending.server {
                    owner.server(name);
                }
                ended += 1;
            }
        }
        ended
    }
}

impl LaneSender {
    /// Why it takes no more calls, if it does not: its peer has sent a GOAWAY, its stream IDs have run out,
    /// or its connection has ended.
    fn lost(&mut self) -> Option<h2::Error> {
        match self.sender.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) => Some(error),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        }
    }
}

impl<A> LaneCalls<A> {
    /// Takes no more calls. Another connection is opened at once if this one was useful, or if no other has
    /// been opened since a useful one: a server that drops every connection should not be asked all the time.
    fn close(&mut self, now: Moment) {
        let Some(mut peer) = self.peer.take() else { return };
        // A GOAWAY tells which calls the server has accepted and will still answer.
        let has_taken =
            self.sent > self.refused && peer.lost().is_some_and(|lost| ended_in_order(&lost));
        if self.has_answered || has_taken || now >= self.opened + LONG_ENOUGH {
            self.backoff.reset();
        }
        self.is_followed = self.backoff.is_at_once();
    }

    /// Records what the end of a call shows about its peer.
    fn learn(&mut self, ending: &Ending) {
        match ending.broken {
            Some(how) => self.refused += u64::from(how.is_refusal()),
            None => self.has_answered = true,
        }
        if ending.code == Code::Ok {
            // A server does not change its name during a connection.
            self.server_name = ServerName::NotWanted;
        }
    }

    /// Why no call is taken while there is no peer.
    fn not_sent(&self) -> LaneError {
        if self.is_followed { LaneError::Blocked } else { LaneError::Closed }
    }
}

/// Whether the connection takes no more calls because the server is going away or the stream IDs have run
/// out, as opposed to a lost connection or a protocol violation.
fn ended_in_order(error: &h2::Error) -> bool {
    if error.is_go_away() { error.is_remote() } else { !error.is_io() }
}

impl<A> Lane<A> {
    /// Whether it has no calls and takes none.
    pub(crate) fn is_over(&self) -> bool {
        let calls = self.calls.borrow();
        calls.peer.is_none() && calls.open.is_empty()
    }

    /// Ends a call from this side, with this ending; it is done this long after it was sent. [`None`] if it
    /// has already ended.
    pub(crate) fn cut(
        &self,
        slot: InFlightSlot,
        after: Duration,
        ending: &Ending,
    ) -> Option<CallRecord> {
        let calls = &mut *self.calls.borrow_mut();
        calls.open.get(slot.key).filter(|open| open.call == slot.call)?;
        let open = calls.open.remove(slot.key);
        Some(CallRecord { is_cut: true, ..open.ended(open.sent + after, ending) })
    }

    /// Whether the call in this slot is still in flight.
    pub(crate) fn is_open(&self, slot: InFlightSlot) -> bool {
        let calls = self.calls.borrow();
        calls.open.get(slot.key).is_some_and(|open| open.call == slot.call)
    }

    /// The calls in flight.
    pub(crate) fn unfinished(&self) -> Vec<UnfinishedCall> {
        let unfinished = |open: &CallInFlight<A>| UnfinishedCall {
            number: open.call.number,
            due: open.due,
            sent: open.sent,
        };
        self.calls.borrow().open.iter().map(|(_, open)| unfinished(open)).collect()
    }
}

impl<A> CallInFlight<A> {
    fn ended(&self, now: Moment, ending: &Ending) -> CallRecord {
        // A lost connection may have been last read before some of its calls were sent.
        let done = now.max(self.sent);
        let code = StatusCode::from(i32::from(ending.code));
        let Ending { waits, broken, .. } = *ending;
        let Self { call, due, sent, .. } = *self;
        CallRecord { number: call.number, due, sent, done, code, waits, is_cut: false, broken }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_call_in_flight_is_small() {
        let bytes = size_of::<CallInFlight<Bytes>>();
        assert!(bytes <= 72, "{bytes}");
    }
}
