//! One connection of a worker, and the calls on it.
//!
//! The connection's task reads what there is, looks at the calls to which it belongs, and has the
//! worker send more; all of a batch goes out in the task's next turn. A call that waits is a few
//! words here and what HTTP/2 keeps of its stream: no task, no future of its own.

use std::cell::RefCell;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use longsync_ready::Ready;
use slab::Slab;
use tokio::net::TcpStream;

use super::answer::Ending;
use super::moment::Moment;
use super::reading::Reading;
use super::recorder::Call;
use super::run::Run;
use super::wire::{Gauge, Wire};
use crate::connection::{NOT_SAID_YET, http2};
use crate::connections::{CLOSED_EARLY, PATIENCE, allows_no_calls};
use crate::dial::{ConnectError, dial};
use crate::first_words::NotBegun;

/// How long after a connection was lost, or could not be opened, the next is tried.
const REDIAL_AFTER: Duration = Duration::from_millis(100);

/// Whose lanes they are, and what these tell it.
pub(super) trait Owner {
    /// What its calls have in common.
    fn run(&self) -> &Run;

    /// A call has ended.
    fn ended(&self, call: &Call);

    /// So many calls of the lane with this index have ended, or it takes calls or bytes again.
    fn lane_moved(&self, lane: usize, ended: usize);
}

/// A connection, or the place of one that was lost, and the calls on it.
#[derive(Debug, Default)]
pub(super) struct Lane {
    calls: RefCell<Calls>,
    ready: Ready,
}

#[derive(Debug, Default)]
struct Calls {
    /// [`None`] while there is no connection that takes calls.
    peer: Option<Peer>,
    open: Slab<Open>,
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
struct Open {
    number: u64,
    due: Option<Moment>,
    sent: Moment,
    reading: Reading,
}

/// Why a lane took no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotSent {
    /// All streams that the peer allows are taken.
    Full,
    /// There is no connection.
    Closed,
    /// The connection takes no bytes now.
    Blocked,
}

/// The place of a call in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    key: usize,
    number: u64,
}

/// A connection that is about to carry calls.
#[derive(Debug)]
pub(super) struct Connected {
    peer: Peer,
    connection: Connection<Wire<TcpStream>>,
}

/// A connection for which its lane takes calls.
#[derive(Debug)]
pub(super) struct Opened {
    connection: Connection<Wire<TcpStream>>,
    gauge: Rc<Gauge>,
}

impl Connected {
    /// Opens a connection and waits for the peer's settings, which say how many streams it allows.
    pub(super) async fn dial(run: &Run) -> Result<Self, ConnectError> {
        let begin = async |socket| Self::begin(socket, run).await;
        let mut connected = dial(&run.target, &run.timer, begin).await?;
        tokio::select! {
            allowed = connected.until_calls_are_allowed() => {
                allowed.map_err(|why| ConnectError::new(&run.target, why.to_string()))?;
            }
            _ = run.timer.sleep(PATIENCE) => return Err(allows_no_calls(&run.target)),
        }
        connected.peer.max_streams = connected.connection.max_concurrent_send_streams();
        Ok(connected)
    }

    async fn until_calls_are_allowed(&mut self) -> io::Result<()> {
        let Self { peer, connection } = self;
        turn(connection, &peer.gauge, |streams| streams > 0).await
    }

    async fn begin(socket: TcpStream, run: &Run) -> io::Result<Self> {
        let gauge = Gauge::new(run.timer.clone());
        let wire = Wire::new(socket, Rc::clone(&gauge));
        let (sender, mut connection) = http2().handshake(wire).await.map_err(io::Error::other)?;
        turn(&mut connection, &gauge, |streams| streams != NOT_SAID_YET).await?;
        let max_streams = connection.max_concurrent_send_streams();
        Ok(Self { peer: Peer { sender, max_streams, gauge }, connection })
    }

    /// How many calls it carries at once.
    pub(super) fn max_streams(&self) -> usize {
        self.peer.max_streams
    }
}

/// Runs a connection until its peer allows such a number of streams.
async fn turn(
    connection: &mut Connection<Wire<TcpStream>>,
    gauge: &Gauge,
    is_such: impl Fn(usize) -> bool,
) -> io::Result<()> {
    poll_fn(|cx| {
        gauge.refill();
        let polled = Pin::new(&mut *connection).poll(cx);
        let streams = connection.max_concurrent_send_streams();
        match polled {
            Poll::Ready(Err(error)) => Poll::Ready(Err(io::Error::other(error))),
            Poll::Ready(Ok(())) if streams == NOT_SAID_YET => {
                Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
            }
            Poll::Ready(Ok(())) => {
                Poll::Ready(Err(io::Error::other(NotBegun(CLOSED_EARLY.to_owned()))))
            }
            Poll::Pending if is_such(streams) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

impl Lane {
    /// Hands a call to HTTP/2 at this moment, if there is a connection with a stream for it.
    pub(super) fn send(
        &self,
        number: u64,
        due: Option<Moment>,
        sent: Moment,
        run: &Run,
    ) -> Result<Place, NotSent> {
        let calls = &mut *self.calls.borrow_mut();
        let peer = calls.peer.as_mut().ok_or(NotSent::Closed)?;
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
        let Ok(reading) = Reading::begin(&mut peer.sender, run, number, &mut cx) else {
            // Its peer has said goodbye, or its stream ids have run out. What is in flight on it may
            // still end well.
            calls.peer = None;
            return Err(NotSent::Closed);
        };
        entry.insert(Open { number, due, sent, reading });
        Ok(Place { key, number })
    }

    /// Ends a call from this side; [`None`] when it has ended before.
    pub(super) fn cut(&self, place: Place, run: &Run) -> Option<Call> {
        let calls = &mut *self.calls.borrow_mut();
        calls.open.get(place.key).filter(|open| open.number == place.number)?;
        let open = calls.open.remove(place.key);
        Some(Call { is_cut: true, ..open.ended(run.now(), Ending::deadline()) })
    }

    /// Whether the call in this place is still in flight.
    pub(super) fn is_open(&self, place: Place) -> bool {
        let calls = self.calls.borrow();
        calls.open.get(place.key).is_some_and(|open| open.number == place.number)
    }

    /// The due times (or, without those, the times of sending) of the calls in flight.
    pub(super) fn unfinished(&self) -> Vec<Moment> {
        let calls = self.calls.borrow();
        calls.open.iter().map(|(_, open)| open.due.unwrap_or(open.sent)).collect()
    }

    /// Takes calls for this connection from now on; [`Lane::carry`] then sends them.
    pub(super) fn open(&self, Connected { peer, connection }: Connected) -> Opened {
        let gauge = Rc::clone(&peer.gauge);
        self.calls.borrow_mut().peer = Some(peer);
        Opened { connection, gauge }
    }

    /// Carries calls until it is dropped, on `opened` first and on another connection whenever one
    /// was lost. `index` is this lane's among the owner's.
    pub(super) async fn carry(
        self: Rc<Self>,
        index: usize,
        mut opened: Opened,
        owner: Rc<impl Owner>,
    ) {
        loop {
            self.drive(index, opened, &*owner).await;
            opened = loop {
                owner.run().timer.sleep(REDIAL_AFTER).await;
                if let Ok(connected) = Connected::dial(owner.run()).await {
                    break self.open(connected);
                }
            };
        }
    }

    async fn drive(
        &self,
        index: usize,
        Opened { mut connection, gauge }: Opened,
        owner: &impl Owner,
    ) {
        let run = owner.run();
        let mut keys = Vec::new();
        poll_fn(|cx| {
            gauge.refill();
            let polled = Pin::new(&mut connection).poll(cx);
            let now = if polled.is_ready() {
                self.calls.borrow_mut().peer = None;
                run.now()
            } else {
                run.moment(gauge.last_read())
            };
            let ended = self.end_ready(&mut keys, now, owner);
            // A busy thread would look at its timer only after many such turns.
            run.timer.drain_due();
            if let Some(peer) = &mut self.calls.borrow_mut().peer {
                peer.max_streams = connection.max_concurrent_send_streams();
            }
            owner.lane_moved(index, ended);
            if !self.ready.sleep(cx.waker()) {
                cx.waker().wake_by_ref();
            }
            polled.map(drop)
        })
        .await;
        // HTTP/2 has told each of its streams; this is for those of which it did not know.
        let left: Vec<_> = self.calls.borrow_mut().open.drain().collect();
        let ended = left.len();
        for open in left {
            owner.ended(&open.ended(run.now(), Ending::abandoned()));
        }
        owner.lane_moved(index, ended);
    }

    /// Looks at the calls that were woken; those that are over ended at `now`. Returns how many.
    fn end_ready(&self, keys: &mut Vec<u32>, now: Moment, owner: &impl Owner) -> usize {
        self.ready.take(keys);
        let limits = owner.run().limits;
        let mut ended = 0;
        for key in keys.drain(..) {
            let key = key as usize;
            let calls = &mut *self.calls.borrow_mut();
            let Some(open) = calls.open.get_mut(key) else { continue };
            let mut cx = Context::from_waker(&calls.wakers[key]);
            if let Poll::Ready(ending) = open.reading.poll(limits, &mut cx) {
                let open = calls.open.remove(key);
                owner.ended(&open.ended(now, ending));
                ended += 1;
            }
        }
        ended
    }
}

impl Open {
    fn ended(&self, now: Moment, Ending { code, waits, is_refused }: Ending) -> Call {
        // A connection that was lost was last read before some of its calls were sent.
        let done = now.max(self.sent);
        Call { due: self.due, sent: self.sent, done, code, waits, is_cut: false, is_refused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_flight_is_small() {
        assert!(size_of::<Open>() <= 72, "{}", size_of::<Open>());
    }
}
