//! One worker: its connections, and when it sends on them.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longsync_connect::{ConnectError, Transport};
use longsync_stats::{Call, Moment, Recorder, Unsent};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::common::Common;
use crate::deadlines::Deadlines;
use crate::lane::{Connected, Lane, NotSent, Owner};
use crate::method::Method;
use crate::plan::LoadPlan;
use crate::progress::Tally;
use crate::schedule::{Arrival, DueTimes, Schedule, Share};
use crate::stop::Stop;

/// How many calls are handed to each connection before it writes them. What was handed over and not
/// written lies in memory, and counts as sent; but a write of a single call costs as much as one of
/// many.
const BATCH_A_LANE: usize = 16;

/// What a worker has when the run is over.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) recorder: Recorder,
    /// When the last of its calls ended.
    pub(crate) last_done: Moment,
    /// Whether it gave up its closed loop, for lack of a server.
    pub(crate) has_given_up: bool,
}

/// A worker that has its connections, and has sent nothing.
#[derive(Debug)]
pub(crate) struct Prepared<M, T: Transport> {
    share: Share,
    common: Common<M, T>,
    connections: Vec<Connected<T::Io>>,
}

/// The state of a worker.
#[derive(Debug)]
struct Worker<M: Method, T> {
    common: Common<M, T>,
    lanes: RefCell<Vec<Rc<Lane<M::Answer>>>>,
    /// Lanes that others have followed, while calls on them are in flight.
    former: RefCell<Vec<Rc<Lane<M::Answer>>>>,
    /// Where the next call is tried first.
    turn: Cell<usize>,
    stop: Stop,
    warm_up: Duration,
    grace: Duration,
    pace: Pace,
    deadlines: Option<Deadlines<M::Answer>>,
    in_flight: Cell<usize>,
    recorder: RefCell<Recorder>,
    last_done: Cell<Moment>,
    tally: Arc<Tally>,
    /// A call has ended, or a connection takes calls or bytes again.
    moved: Notify,
    is_waiting: Cell<bool>,
    has_given_up: Cell<bool>,
}

/// What holds calls back.
#[derive(Debug)]
enum Pace {
    /// Their due times, and the most that may be in flight.
    Open { max_in_flight: usize },
    /// The number to keep in flight.
    Closed { in_flight: usize, share: Share, begun: Cell<u64> },
}

impl<M: Method, T: Transport + 'static> Prepared<M, T> {
    /// Opens the connections of this share.
    pub(crate) async fn connect(
        plan: &LoadPlan<M>,
        share: Share,
        common: Common<M, T>,
    ) -> Result<Self, ConnectError> {
        let mut connections = Vec::new();
        for _ in 0..share.portion(plan.connections) {
            connections.push(Connected::dial(&common).await?);
        }
        Ok(Self { share, common, connections })
    }

    /// How many calls its connections carry at once.
    pub(crate) fn streams(&self) -> usize {
        self.connections.iter().map(Connected::max_streams).fold(0, usize::saturating_add)
    }

    /// Makes its share of the calls, from `start` on. The tasks of its connections, which it spawns on its
    /// thread, end with what runs them: open calls are reset then.
    pub(crate) async fn work(
        self,
        plan: &LoadPlan<M>,
        start: Instant,
        tally: Arc<Tally>,
        interrupt: CancellationToken,
    ) -> Finished {
        let Self { share, common, connections } = self;
        common.start(start);
        let worker = Rc::new(Worker::new(plan, share, common, connections.len(), tally));
        for (index, connection) in connections.into_iter().enumerate() {
            let lane = Rc::clone(&worker.lanes.borrow()[index]);
            // All take calls before the first is due.
            let opened = lane.open(connection, worker.common.now());
            tokio::task::spawn_local(lane.carry(index, opened, Rc::clone(&worker)));
        }
        if worker.deadlines.is_some() {
            let worker = Rc::clone(&worker);
            tokio::task::spawn_local(async move { worker.end_at_deadlines().await });
        }
        worker.work(plan.schedule.due_times(plan.warm_up, share), interrupt).await;
        worker.finish()
    }
}

impl<M: Method, T: Transport> Worker<M, T> {
    fn new(
        plan: &LoadPlan<M>,
        share: Share,
        common: Common<M, T>,
        lanes: usize,
        tally: Arc<Tally>,
    ) -> Self {
        let pace = match &plan.schedule {
            Schedule::Closed { concurrency, .. } => Pace::Closed {
                in_flight: share
                    .portion(usize::try_from(concurrency.at(Moment::START)).unwrap_or(usize::MAX)),
                share,
                begun: Cell::new(0),
            },
            _ => Pace::Open { max_in_flight: share.portion(plan.max_in_flight) },
        };
        Self {
            common,
            lanes: RefCell::new((0..lanes).map(|_| Rc::default()).collect()),
            former: RefCell::default(),
            turn: Cell::new(0),
            stop: plan.stop.clone(),
            warm_up: plan.warm_up,
            grace: plan.grace,
            pace,
            deadlines: plan.deadline.map(Deadlines::new),
            in_flight: Cell::new(0),
            recorder: RefCell::new(Recorder::new(plan.warm_up)),
            last_done: Cell::new(Moment::START),
            tally,
            moved: Notify::new(),
            is_waiting: Cell::new(false),
            has_given_up: Cell::new(false),
        }
    }

    /// Makes the calls, and gives those that are open at the end their grace.
    async fn work(&self, due_times: Option<DueTimes>, interrupt: CancellationToken) {
        let mut arrivals = due_times.map(|due_times| {
            let is_made = |arrival: &Arrival| self.stop.allows_arrival(arrival, self.warm_up);
            due_times.take_while(is_made).peekable()
        });
        let making = async {
            match &mut arrivals {
                Some(arrivals) => self.send_when_due(arrivals).await,
                None => self.keep_in_flight().await,
            }
            let over = self.common.sleep_until(self.common.now() + self.grace);
            until(self.all_ended(), over).await;
        };
        until(making, interrupt.cancelled()).await;
        // Those that were due and not sent when an interrupt came.
        let now = self.common.now();
        let left = arrivals.into_iter().flatten().take_while(|arrival| arrival.due <= now);
        let mut recorder = self.recorder.borrow_mut();
        left.for_each(|arrival| recorder.count_unsent(arrival.due, Unsent::Blocked));
    }

    fn finish(&self) -> Finished {
        let mut recorder = self.recorder.take();
        let (lanes, former) = (self.lanes.borrow(), self.former.borrow());
        for due in lanes.iter().chain(&*former).flat_map(|lane| lane.unfinished()) {
            recorder.count_unfinished(due);
        }
        let (last_done, has_given_up) = (self.last_done.get(), self.has_given_up.get());
        Finished { recorder, last_done, has_given_up }
    }

    /// Sends each call when it is due, or counts it.
    async fn send_when_due(
        &self,
        arrivals: &mut std::iter::Peekable<impl Iterator<Item = Arrival>>,
    ) {
        let Pace::Open { max_in_flight } = self.pace else { return };
        let whole_batch = self.lanes.borrow().len() * BATCH_A_LANE;
        let mut batch = 0;
        // A call leaves the schedule only when it was sent or counted.
        while let Some(Arrival { number, due, .. }) = arrivals.peek().copied() {
            let now = self.common.now();
            if now < due {
                self.common.sleep_until(due).await;
                batch = 0;
                continue;
            }
            if batch == whole_batch {
                tokio::task::yield_now().await;
                batch = 0;
                continue;
            }
            batch += 1;
            let unsent = if self.in_flight.get() >= max_in_flight {
                Some(Unsent::InFlightLimit)
            } else {
                match self.send(self.turn.get(), number, Some(due), now) {
                    Ok(()) => None,
                    Err(NotSent::Full) => Some(Unsent::StreamLimit),
                    Err(NotSent::Closed) => Some(Unsent::NoConnection),
                    // It is tried for as long as an open call is waited for.
                    Err(NotSent::Blocked) if now < due + self.grace => {
                        self.until_moved_or(due + self.grace).await;
                        continue;
                    }
                    Err(NotSent::Blocked) => Some(Unsent::Blocked),
                }
            };
            if let Some(why) = unsent {
                self.recorder.borrow_mut().count_unsent(due, why);
            }
            arrivals.next();
        }
    }

    /// Begins the first calls of a closed loop; each that ends is followed by another in
    /// [`Owner::lane_moved`]. Returns when no further call is made: also when none was in flight
    /// for the grace, because no connection can be had.
    async fn keep_in_flight(&self) {
        let mut last_in_flight = self.common.now();
        while !self.is_closed_over() {
            let whole_batch = self.lanes.borrow().len() * BATCH_A_LANE;
            if self.refill(None, whole_batch) == whole_batch {
                tokio::task::yield_now().await;
                continue;
            }
            let now = self.common.now();
            if self.in_flight.get() > 0 {
                last_in_flight = now;
            } else if now >= last_in_flight + self.grace {
                return self.has_given_up.set(true);
            }
            let look_again = now + self.grace;
            let end = self.stop.at_latest().unwrap_or(look_again);
            self.until_moved_or(end.min(look_again)).await;
        }
    }

    fn is_closed_over(&self) -> bool {
        match &self.pace {
            Pace::Open { .. } => true,
            Pace::Closed { share, begun, .. } => {
                !self.stop.allows(share.number(begun.get()), self.common.now())
            }
        }
    }

    /// Begins as many calls of a closed loop as are missing, at most `most`, on the lane with this
    /// index or else on each in turn. Returns how many.
    fn refill(&self, lane: Option<usize>, most: usize) -> usize {
        let Pace::Closed { in_flight, share, begun } = &self.pace else { return 0 };
        let missing = in_flight.saturating_sub(self.in_flight.get()).min(most);
        for filled in 0..missing {
            let (number, now) = (share.number(begun.get()), self.common.now());
            if !self.stop.allows(number, now)
                || self.send(lane.unwrap_or_else(|| self.turn.get()), number, None, now).is_err()
            {
                return filled;
            }
            begun.set(begun.get() + 1);
        }
        missing
    }

    /// Sends a call on the first lane that takes it, from the one with this index on.
    fn send(
        &self,
        first: usize,
        number: u64,
        due: Option<Moment>,
        now: Moment,
    ) -> Result<(), NotSent> {
        let lanes = self.lanes.borrow();
        let mut why = NotSent::Closed;
        for index in (first..lanes.len()).chain(0..first) {
            let lane = &lanes[index];
            match lane.send(number, due, now, &self.common) {
                Ok(place) => {
                    self.turn.set(if index + 1 == lanes.len() { 0 } else { index + 1 });
                    self.in_flight.set(self.in_flight.get() + 1);
                    self.tally.sent();
                    if let Some(deadlines) = &self.deadlines {
                        deadlines.add(now, index, lane, place);
                    }
                    return Ok(());
                }
                // One that takes bytes later is waited for; else a full one is the reason.
                Err(NotSent::Blocked) => why = NotSent::Blocked,
                Err(NotSent::Full) if why == NotSent::Closed => why = NotSent::Full,
                Err(_) => {}
            }
        }
        Err(why)
    }

    async fn until_moved(&self) {
        self.is_waiting.set(true);
        self.moved.notified().await;
    }

    async fn until_moved_or(&self, moment: Moment) {
        until(self.until_moved(), self.common.sleep_until(moment)).await;
    }

    async fn end_at_deadlines(&self) {
        if let Some(deadlines) = &self.deadlines {
            deadlines.end_calls(self).await;
        }
    }

    async fn all_ended(&self) {
        while self.in_flight.get() > 0 {
            self.until_moved().await;
        }
    }
}

impl<M: Method, T: Transport> Owner for Worker<M, T> {
    type Method = M;
    type Answer = M::Answer;
    type Transport = T;

    fn common(&self) -> &Common<M, T> {
        &self.common
    }

    fn ended(&self, call: &Call) {
        self.recorder.borrow_mut().record(call);
        self.in_flight.set(self.in_flight.get() - 1);
        self.last_done.set(self.last_done.get().max(call.done));
        self.tally.ended();
    }

    /// In a closed loop others follow on the same lane, so that all keep their share.
    fn lane_moved(&self, lane: usize, ended: usize) {
        let has_news = match self.pace {
            Pace::Open { .. } => true,
            Pace::Closed { in_flight, .. } => {
                self.refill(Some(lane), ended);
                self.in_flight.get() < in_flight
            }
        };
        if has_news && self.is_waiting.replace(false) {
            self.moved.notify_one();
        }
    }

    fn lane_follows(&self, index: usize, lane: Rc<Lane<M::Answer>>) {
        let before = std::mem::replace(&mut self.lanes.borrow_mut()[index], lane);
        let mut former = self.former.borrow_mut();
        former.push(before);
        former.retain(|lane| !lane.is_over());
    }
}

/// Runs one future until it, or another, has ended.
async fn until(future: impl Future<Output = ()>, over: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = future => {}
        () = over => {}
    }
}
