//! One connection of a worker, and the calls on it.
//!
//! A connection whose peer has said goodbye takes no more calls, and is driven until those on it have
//! ended; the next takes its place at once, as a lane of its own.
//!
//! The connection's task reads what has come, looks at the calls to which it belongs, and has the
//! worker send more; a whole batch goes out in the task's next turn. A call that waits is a few
//! words here and what HTTP/2 keeps of its stream: no task, no future of its own.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use longsync_connect::{ConnectError, Http2, Transport, Watched, dial_http2};
use longsync_ready::Ready;
use longsync_stats::{Broken, Call, Moment, StatusCode};
use slab::Slab;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use crate::common::Common;
use crate::ending::Ending;
use crate::gauge::{Gauge, Keeper};
use crate::method::Method;
use crate::reading::Reading;

/// How long after a connection was lost, or could not be opened, the next is tried.
const REDIAL_AFTER: Duration = Duration::from_millis(100);

/// The owner of lanes, and what they tell it.
pub(crate) trait Owner {
    /// What is called.
    type Method: Method<Answer = Self::Answer>;
    /// What is kept of an answer while it comes.
    type Answer: Default;
    /// How connections are opened.
    type Transport: Transport;

    /// What its calls have in common.
    fn common(&self) -> &Common<Self::Method, Self::Transport>;

    /// A call has ended; the text says why it failed, if it did.
    fn ended(&self, call: &Call, text: Option<&str>);

    /// A connection takes calls from now on, or takes no more.
    fn connection(&self, is_open: bool);

    /// The given number of calls of the lane with this index have ended, or it takes calls or bytes again.
    fn lane_moved(&self, lane: usize, ended: usize);

    /// From now on this is the lane with this index. There may be calls on the one before.
    fn lane_follows(&self, index: usize, lane: Rc<Lane<Self::Answer>>);
}

/// A connection and the calls on it, of whose answers `A` is kept.
#[derive(Debug)]
pub(crate) struct Lane<A> {
    calls: RefCell<Calls<A>>,
    ready: Ready,
    /// It takes no more calls.
    closed: Notify,
}

#[derive(Debug)]
struct Calls<A> {
    /// [`None`] when its connection takes no more calls.
    peer: Option<Peer>,
    /// Whether another is then opened at once.
    is_followed: bool,
    /// Whether it may be followed at once although it was of no use.
    may_be_in_vain: bool,
    opened: Moment,
    /// How many calls were sent on it, and how many of those the peer says it never looked at.
    sent: u64,
    refused: u64,
    open: Slab<Open<A>>,
    /// The waker of each key that was ever used.
    wakers: Vec<Waker>,
}

#[derive(Debug)]
struct Peer {
    sender: SendRequest<Bytes>,
    max_streams: usize,
    gauge: Rc<Gauge>,
}

/// A call in flight.
#[derive(Debug)]
struct Open<A> {
    number: u64,
    due: Option<Moment>,
    sent: Moment,
    reading: Reading<A>,
}

/// Why no lane took a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// As many calls as the plan allows are in flight.
    Limited,
    /// All streams that the peer allows are taken.
    Full,
    /// There is no connection.
    Closed,
    /// The connection takes no bytes now, or another is being opened in its place.
    Blocked,
}

/// The place of a call in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    key: usize,
    number: u64,
}

/// A connection that is about to carry calls.
#[derive(Debug)]
pub(crate) struct Connected<IO> {
    peer: Peer,
    connection: Wire<IO>,
}

/// A connection for which its lane takes calls.
#[derive(Debug)]
pub(crate) struct Opened<IO> {
    connection: Wire<IO>,
    gauge: Rc<Gauge>,
}

type Wire<IO> = Http2<Watched<IO, Keeper>>;

impl<IO> Connected<IO> {
    /// Opens a connection and waits for the peer's settings, which say how many streams it allows.
    pub(crate) async fn dial<M, T>(common: &Common<M, T>) -> Result<Self, ConnectError>
    where
        T: Transport<Io = IO>,
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let gauge = Gauge::new(common.timer.clone());
        let wrap = |io| Watched::new(io, gauge.keeper());
        let Common { transport, target, timer, .. } = common;
        let dialling = dial_http2(transport, target, timer, wrap, || gauge.refill());
        let (sender, connection) = dialling.await?;
        let max_streams = connection.max_streams();
        Ok(Self { peer: Peer { sender, max_streams, gauge }, connection })
    }

    /// How many calls it carries at once.
    pub(crate) fn max_streams(&self) -> usize {
        self.peer.max_streams
    }
}

impl<A> Default for Lane<A> {
    fn default() -> Self {
        let calls = Calls {
            peer: None,
            is_followed: false,
            may_be_in_vain: true,
            opened: Moment::START,
            sent: 0,
            refused: 0,
            open: Slab::new(),
            wakers: Vec::new(),
        };
        Self { calls: RefCell::new(calls), ready: Ready::default(), closed: Notify::new() }
    }
}

impl<A: Default + 'static> Lane<A> {
    /// Hands a call to HTTP/2 at this moment, if there is a connection with a stream for it.
    pub(crate) fn send<M: Method<Answer = A>, T>(
        &self,
        number: u64,
        due: Option<Moment>,
        sent: Moment,
        common: &Common<M, T>,
    ) -> Result<Place, NotSent> {
        let calls = &mut *self.calls.borrow_mut();
        let Some(peer) = &mut calls.peer else { return Err(calls.not_sent()) };
        if calls.open.len() >= peer.max_streams {
            return Err(NotSent::Full);
        }
        if peer.gauge.is_blocked() {
            return Err(NotSent::Blocked);
        }
        let entry = calls.open.vacant_entry();
        let key = entry.key();
        if key == calls.wakers.len() {
            let key = u32::try_from(key).expect("HTTP/2 has less than 2^31 streams");
            calls.wakers.push(self.ready.waker(key));
        }
        let mut cx = Context::from_waker(&calls.wakers[key]);
        let Ok(reading) = Reading::begin(&mut peer.sender, common, number, &mut cx) else {
            // A call that was cut keeps its stream until HTTP/2 has written its reset.
            if peer.sender.poll_ready(&mut cx).is_pending() {
                return Err(NotSent::Full);
            }
            // Its peer has said goodbye, or its stream ids have run out. What is in flight on it may
            // still end well.
            calls.close(sent);
            self.closed.notify_one();
            // Wakes the task that drives it, so that it sees this.
            self.ready.waker(u32::MAX).wake();
            return Err(calls.not_sent());
        };
        entry.insert(Open { number, due, sent, reading });
        calls.sent += 1;
        Ok(Place { key, number })
    }

    /// Takes calls for this connection from `now` on; [`Lane::carry`] then sends them.
    pub(crate) fn open<IO>(
        &self,
        Connected { peer, connection }: Connected<IO>,
        now: Moment,
    ) -> Opened<IO> {
        let gauge = Rc::clone(&peer.gauge);
        let calls = &mut *self.calls.borrow_mut();
        (calls.peer, calls.opened) = (Some(peer), now);
        Opened { connection, gauge }
    }

    /// Carries calls until it is dropped, on `opened` first and on another connection, with a lane of
    /// its own, whenever one takes no more. `index` is this lane's among the owner's.
    pub(crate) async fn carry<O: Owner<Answer = A> + 'static>(
        self: Rc<Self>,
        index: usize,
        mut opened: Opened<<O::Transport as Transport>::Io>,
        owner: Rc<O>,
    ) {
        let (mut lane, common) = (self, owner.common());
        loop {
            tokio::task::spawn_local(Rc::clone(&lane).drive(index, opened, Rc::clone(&owner)));
            lane.closed.notified().await;
            owner.connection(false);
            let may_be_in_vain = lane.calls.borrow().was_of_use(common.now());
            let connected = loop {
                if !lane.calls.borrow().is_followed {
                    common.timer.sleep(REDIAL_AFTER).await;
                }
                match Connected::dial(common).await {
                    Ok(connected) => break connected,
                    Err(_) => lane.calls.borrow_mut().is_followed = false,
                }
                // Calls that waited for it wait no longer.
                owner.lane_moved(index, 0);
            };
            owner.connection(true);
            lane = Rc::default();
            lane.calls.borrow_mut().may_be_in_vain = may_be_in_vain;
            opened = lane.open(connected, common.now());
            owner.lane_follows(index, Rc::clone(&lane));
        }
    }

    /// Drives a connection to its end, or until it takes no more calls and those on it have ended.
    async fn drive<O: Owner<Answer = A>>(
        self: Rc<Self>,
        index: usize,
        Opened { mut connection, gauge }: Opened<<O::Transport as Transport>::Io>,
        owner: Rc<O>,
    ) {
        let common = owner.common();
        let mut keys = Vec::new();
        poll_fn(|cx| {
            gauge.refill();
            let polled = connection.poll(cx);
            let now = match &polled {
                Poll::Ready(_) => {
                    let now = common.now();
                    if self.calls.borrow_mut().close(now) {
                        self.closed.notify_one();
                    }
                    now
                }
                Poll::Pending => common.moment(gauge.last_read()),
            };
            let ended = self.end_ready(&mut keys, now, &*owner);
            // A busy thread would look at its timer only after many such turns.
            common.timer.drain_due();
            if let Some(peer) = &mut self.calls.borrow_mut().peer {
                peer.max_streams = connection.max_streams();
            }
            owner.lane_moved(index, ended);
            if !self.ready.sleep(cx.waker()) {
                cx.waker().wake_by_ref();
            }
            if self.is_over() { Poll::Ready(()) } else { polled.map(drop) }
        })
        .await;
        // HTTP/2 has told each of its streams; this is for those that it did not know of.
        let left: Vec<_> = self.calls.borrow_mut().open.drain().collect();
        let ended = left.len();
        for open in left {
            let ending = Ending::abandoned();
            owner.ended(&open.ended(common.now(), &ending), ending.text());
        }
        owner.lane_moved(index, ended);
    }

    /// Looks at the calls that were woken; those that are over ended at `now`. Returns how many.
    fn end_ready<O: Owner<Answer = A>>(
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
            if let Poll::Ready(ending) = open.reading.poll(owner.common(), &mut cx) {
                let open = calls.open.remove(key);
                calls.refused += u64::from(ending.broken.is_some_and(Broken::is_refusal));
                owner.ended(&open.ended(now, &ending), ending.text());
                ended += 1;
            }
        }
        ended
    }
}

impl Peer {
    /// Whether it has said goodbye, or its stream ids have run out. Whatever ended a connection without
    /// a word, or broke the rules on it, may do so to others as well.
    fn is_leaving(&mut self) -> bool {
        match self.sender.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) if error.is_go_away() => error.is_remote(),
            Poll::Ready(Err(error)) => !error.is_io(),
            Poll::Ready(Ok(())) | Poll::Pending => false,
        }
    }
}

impl<A> Calls<A> {
    /// Takes no more calls. Another connection is opened at once after a goodbye, unless this one and
    /// the one before were of no use: a server that says it to each is not to be asked all the time.
    /// Returns whether it has taken calls until now.
    fn close(&mut self, now: Moment) -> bool {
        let Some(mut peer) = self.peer.take() else { return false };
        self.is_followed = peer.is_leaving() && (self.may_be_in_vain || self.was_of_use(now));
        true
    }

    /// Whether its peer looked at a call, or stayed for a while.
    fn was_of_use(&self, now: Moment) -> bool {
        self.sent > self.refused || now >= self.opened + REDIAL_AFTER
    }

    /// Why no call is taken without a peer.
    fn not_sent(&self) -> NotSent {
        if self.is_followed { NotSent::Blocked } else { NotSent::Closed }
    }
}

impl<A> Lane<A> {
    /// Whether it has no calls and takes none.
    pub(crate) fn is_over(&self) -> bool {
        let calls = self.calls.borrow();
        calls.peer.is_none() && calls.open.is_empty()
    }

    /// Ends a call from this side, `now`; [`None`] if it has ended before.
    pub(crate) fn cut(&self, place: Place, now: Moment) -> Option<Call> {
        let calls = &mut *self.calls.borrow_mut();
        calls.open.get(place.key).filter(|open| open.number == place.number)?;
        let open = calls.open.remove(place.key);
        Some(Call { is_cut: true, ..open.ended(now, &Ending::deadline()) })
    }

    /// Whether the call in this place is still in flight.
    pub(crate) fn is_open(&self, place: Place) -> bool {
        let calls = self.calls.borrow();
        calls.open.get(place.key).is_some_and(|open| open.number == place.number)
    }

    /// The calls in flight: their numbers, when they were due, and when they were sent.
    pub(crate) fn unfinished(&self) -> Vec<(u64, Option<Moment>, Moment)> {
        let calls = self.calls.borrow();
        calls.open.iter().map(|(_, open)| (open.number, open.due, open.sent)).collect()
    }
}

impl<A> Open<A> {
    fn ended(&self, now: Moment, ending: &Ending) -> Call {
        // A connection that was lost was last read before some of its calls were sent.
        let done = now.max(self.sent);
        let code = StatusCode::from(i32::from(ending.code));
        let Ending { waits, broken, .. } = *ending;
        let Self { number, due, sent, .. } = *self;
        Call { number, due, sent, done, code, waits, is_cut: false, broken }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_flight_is_small() {
        let bytes = size_of::<Open<Bytes>>();
        assert!(bytes <= 72, "{bytes}");
    }
}
