//! One worker: its connections, and when it sends on them.

mod closed_loop;
mod open_loop;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longsync_connect::{ConnectError, Transport};
use longsync_stats::{CallRecord, Counts, Moment, NotSentReason as Why};
use tokio::sync::Notify;

use self::closed_loop::ClosedLoop;
use crate::board::{Board, PATIENCE};
use crate::common::Common;
use crate::deadlines::Deadlines;
use crate::due_calls::DueCalls;
use crate::ending::Ending;
use crate::gauge::BytesPassed;
use crate::growth::Growth;
use crate::lane::{Lane, LaneError, LaneOwner, ReadyConnection};
use crate::method::{CallNumber, Method};
use crate::plan::{ConnectionCount, LoadPlan};
use crate::progress::WorkerCounters;
use crate::records::{Records, UnfinishedCall};
use crate::schedule::{Schedule, WorkerShare};

/// How many calls are handed to each connection before it writes them. Calls that were handed over and not
/// written stay in memory and count as sent; but writing a single call costs as much as writing many.
const BATCH_PER_LANE: usize = 16;

/// How long before recorded time begins a worker reports how long it has polled.
const BEFORE_NS: u64 = 1_000_000;

/// The input of a worker.
#[derive(Debug)]
pub(crate) struct WorkerContext {
    /// The index of its slot on the board.
    pub(crate) index: usize,
    pub(crate) share: WorkerShare,
    pub(crate) board: Arc<Board>,
    pub(crate) counters: Arc<WorkerCounters>,
    /// The records of the worker, shared with its caller, who finds them there even if the worker has
    /// panicked.
    pub(crate) records: Rc<RefCell<Records>>,
}

/// A worker that has its connections and has sent nothing.
#[derive(Debug)]
pub(crate) struct PreparedWorker<M, T: Transport> {
    context: WorkerContext,
    common: Common<M, T>,
    connections: Vec<ReadyConnection<T::Io>>,
}

/// The state of a worker.
#[derive(Debug)]
struct Worker<M: Method, T> {
    context: WorkerContext,
    common: Common<M, T>,
    lanes: RefCell<Vec<Rc<Lane<M::Answer>>>>,
    /// Replaced lanes on which calls are still in flight.
    former: RefCell<Vec<Rc<Lane<M::Answer>>>>,
    /// The lane on which the next call is tried first.
    turn: Cell<usize>,
    /// The moment from which no call is made any more, if that is known.
    ends: Option<Moment>,
    warm_up: Duration,
    grace: Duration,
    pacing: Pacing,
    deadlines: Option<Deadlines<M::Answer>>,
    growth: Option<Growth>,
    in_flight: Cell<usize>,
    /// How often calls that are not sent were drawn, to be counted.
    draws: Cell<u32>,
    /// Notified when a call has ended, or when a connection takes calls or bytes again.
    moved: Notify,
    is_waiting: Cell<bool>,
    /// Whether a task of this worker has panicked.
    has_panicked: Cell<bool>,
    panicked: Notify,
}

/// What determines when calls are sent.
#[derive(Debug)]
enum Pacing {
    /// The due times of the calls.
    Open,
    /// The number of calls to keep in flight.
    Closed(Box<ClosedLoop>),
}

impl<M: Method, T: Transport + 'static> PreparedWorker<M, T> {
    /// Opens the connections of this worker's share.
    pub(crate) async fn connect(
        plan: &LoadPlan<M>,
        context: WorkerContext,
        common: Common<M, T>,
    ) -> Result<Self, ConnectError> {
        let mut connections = Vec::new();
        for nth in 0..context.share.portion(plan.connections.at_first(plan.workers)) {
            let nth = context.share.number(nth as u64);
            connections.push(ReadyConnection::dial(&common, nth).await?);
            context.board.connected(context.index);
        }
        Ok(Self { context, common, connections })
    }

    /// How many calls its connections carry at once.
    pub(crate) fn streams(&self) -> usize {
        self.connections.iter().map(ReadyConnection::max_streams).fold(0, usize::saturating_add)
    }

    /// Makes its share of the calls, from `start` on. The tasks of its connections, which it spawns on its
    /// thread, end with the runtime: calls that are still open are then reset. Returns the calls that are in
    /// flight at the end.
    ///
    /// # Panics
    /// If a task of a connection has panicked.
    pub(crate) async fn work(self, plan: &LoadPlan<M>, start: Instant) -> Vec<UnfinishedCall> {
        let Self { context, common, connections } = self;
        common.start(start);
        let calls = DueCalls::new(&plan.schedule, &plan.stop, plan.warm_up, context.share);
        let worker = Rc::new(Worker::new(plan, context, common, connections.len()));
        for (index, connection) in connections.into_iter().enumerate() {
            let lane = Rc::clone(&worker.lanes.borrow()[index]);
            // All connections take calls before the first call is due.
            let opened = lane.open(connection, worker.common.now());
            worker.spawn(lane.carry(index, opened, Rc::clone(&worker)));
        }
        let seconds = Rc::clone(&worker);
        worker.spawn(async move { seconds.count_seconds().await });
        if worker.deadlines.is_some() {
            let deadlines = Rc::clone(&worker);
            worker.spawn(async move { deadlines.end_at_deadlines().await });
        }
        if worker.growth.is_some() {
            let growing = Rc::clone(&worker);
            worker.spawn(async move { growing.grow().await });
        }
        worker.common.sleep_until(Moment::START).await;
        until(worker.work(calls), worker.panicked.notified()).await;
        assert!(!worker.has_panicked.get(), "a task of this worker has panicked");
        worker.unfinished()
    }
}

/// Raises the alarm if it is dropped by a panic.
struct PanicAlarm<M: Method, T>(Rc<Worker<M, T>>);

impl<M: Method, T> Drop for PanicAlarm<M, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.has_panicked.set(true);
            self.0.panicked.notify_one();
        }
    }
}

impl<M: Method, T: Transport + 'static> Worker<M, T> {
    fn new(plan: &LoadPlan<M>, context: WorkerContext, common: Common<M, T>, lanes: usize) -> Self {
        let growth = match plan.connections {
            ConnectionCount::Fixed(_) => None,
            ConnectionCount::Auto { at_most } => {
                Some(Growth::new(context.share.portion(at_most), context.share))
            }
        };
        let pacing = match &plan.schedule {
            Schedule::Closed { concurrency, think } => {
                Pacing::Closed(Box::new(ClosedLoop::new(concurrency, *think)))
            }
            _ => Pacing::Open,
        };
        Self {
            context,
            common,
            lanes: RefCell::new((0..lanes).map(|_| Rc::default()).collect()),
            former: RefCell::default(),
            turn: Cell::new(0),
            ends: plan.time().map(|time| Moment::START + plan.warm_up + time),
            warm_up: plan.warm_up,
            grace: plan.grace,
            pacing,
            deadlines: plan.deadline.map(Deadlines::new),
            growth,
            in_flight: Cell::new(0),
            draws: Cell::new(0),
            moved: Notify::new(),
            is_waiting: Cell::new(false),
            has_panicked: Cell::new(false),
            panicked: Notify::new(),
        }
    }

    /// Makes the calls, and gives those that are open at the end their grace.
    async fn work(&self, mut calls: Option<DueCalls>) {
        let board = &*self.context.board;
        let making = async {
            if let Some(calls) = &mut calls {
                until(self.send_when_due(calls), board.stopped.cancelled()).await;
                // Sends the calls that were already due when the run was stopped.
                self.send_when_due(calls).await;
            } else {
                until(self.keep_in_flight(), board.stopped.cancelled()).await;
            }
            board.set_polled(self.context.index, self.common.timer.polled());
            board.has_sent(self.context.index);
            let sent = self.common.now();
            // Others may still be sending, and whoever stops a run does not wait for a server.
            let has_ended = board.all_sent.is_cancelled() && !board.is_stopped();
            let is_lost = has_ended && board.connections() == 0;
            let ending = until(self.all_ended(), self.common.sleep_until(sent + self.grace));
            if is_lost {
                tokio::join!(ending, self.find_again(sent + PATIENCE));
            } else {
                ending.await;
            }
        };
        until(making, board.ended.cancelled()).await;
        // Nobody reads the results of a run that was abandoned.
        if board.ended.is_cancelled() && !board.is_stopped() {
            return;
        }
        // The calls that were due and had not been sent when the run was ended.
        if let Some(calls) = &mut calls {
            while !self.leave_some(calls, Why::Late) {}
        }
    }

    /// Waits until then for a connection; without one the server is lost.
    async fn find_again(&self, until_then: Moment) {
        let board = &*self.context.board;
        until(board.until_connected(), self.common.sleep_until(until_then)).await;
        if board.connections() == 0 {
            board.lose();
        }
    }

    fn unfinished(&self) -> Vec<UnfinishedCall> {
        let (lanes, former) = (self.lanes.borrow(), self.former.borrow());
        lanes.iter().chain(&*former).flat_map(|lane| lane.unfinished()).collect()
    }

    /// Sends a call on the first lane that takes it, starting with the lane at this index.
    fn send(
        &self,
        first: usize,
        call: CallNumber,
        due: Option<Moment>,
        now: Moment,
    ) -> Result<(), LaneError> {
        let lanes = self.lanes.borrow();
        let mut why = LaneError::Closed;
        for index in (first..lanes.len()).chain(0..first) {
            let lane = &lanes[index];
            match lane.send(call, due, now, &self.common) {
                Ok(slot) => {
                    self.turn.set(if index + 1 == lanes.len() { 0 } else { index + 1 });
                    self.sent(due, now);
                    if let Some(deadlines) = &self.deadlines {
                        deadlines.add(now, index, lane, slot, self.in_flight.get());
                    }
                    return Ok(());
                }
                // A lane that will take bytes again is worth waiting for; otherwise a full lane is the
                // reason.
                Err(LaneError::Blocked) => why = LaneError::Blocked,
                Err(LaneError::Full) if why == LaneError::Closed => why = LaneError::Full,
                Err(_) => {}
            }
        }
        match &self.growth {
            Some(growth) if why == LaneError::Full && growth.is_coming(lanes.len()) => {
                Err(LaneError::Blocked)
            }
            _ => Err(why),
        }
    }

    fn sent(&self, due: Option<Moment>, now: Moment) {
        self.in_flight.set(self.in_flight.get() + 1);
        self.context.counters.sent();
        let mut records = self.context.records.borrow_mut();
        records.advance(now, &self.context.board);
        records.sent(due, now);
    }

    /// Moves on to the next second even if no call does so.
    async fn count_seconds(&self) {
        let WorkerContext { index, board, .. } = &self.context;
        // The processor times are counted from the start of recorded time.
        let before = Moment::from_nanos(self.recorded_from().as_nanos().saturating_sub(BEFORE_NS));
        self.common.sleep_until(before).await;
        board.set_polled(*index, self.common.timer.polled());
        loop {
            let second_ends = self.context.records.borrow().second_ends();
            self.common.sleep_until(second_ends).await;
            let WorkerContext { index, board, records, .. } = &self.context;
            records.borrow_mut().advance(self.common.now(), board);
            board.set_polled(*index, self.common.timer.polled());
        }
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

    async fn grow(self: Rc<Self>) {
        if let Some(growth) = &self.growth {
            growth.open_wanted(Rc::clone(&self)).await;
        }
    }

    async fn all_ended(&self) {
        while self.in_flight.get() > 0 {
            self.until_moved().await;
        }
    }
}

impl From<LaneError> for Why {
    fn from(why: LaneError) -> Self {
        match why {
            LaneError::Limited => Self::InFlightLimit,
            LaneError::Full => Self::StreamLimit,
            LaneError::Closed => Self::NoConnection,
            LaneError::Blocked => Self::Blocked,
        }
    }
}

impl<M: Method, T: Transport + 'static> LaneOwner for Worker<M, T> {
    type Method = M;
    type Answer = M::Answer;
    type Transport = T;

    fn spawn(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        let alarm = PanicAlarm(Rc::clone(self));
        tokio::task::spawn_local(async move {
            let _alarm = alarm;
            task.await;
        });
    }

    fn common(&self) -> &Common<M, T> {
        &self.common
    }

    fn ended(&self, call: &CallRecord, ending: &Ending) {
        let WorkerContext { index, board, counters, records, .. } = &self.context;
        let mut records = records.borrow_mut();
        records.advance(call.done, board);
        records.ended(call, ending.text().as_deref());
        if let Some(clause) = ending.fault() {
            records.fault(call, &clause);
        }
        self.in_flight.set(self.in_flight.get() - 1);
        match &self.pacing {
            Pacing::Open => board.in_flight.give(*index),
            Pacing::Closed(closed) => closed.ended(call.done),
        }
        counters.ended();
    }

    fn connection(&self, is_open: bool) {
        let WorkerContext { index, board, .. } = &self.context;
        if is_open { board.connected(*index) } else { board.disconnected(*index) }
    }

    /// In a closed loop the next calls go out on the same lane, so that all lanes keep their share.
    fn lane_moved(&self, lane: usize, ended: usize) {
        let has_news = match &self.pacing {
            Pacing::Open => true,
            Pacing::Closed(closed) => {
                if closed.goes_on_at_once() {
                    self.refill(Some(lane), ended);
                }
                let (in_flight, now) = (self.in_flight.get(), self.common.now());
                in_flight < self.wanted(closed, now) || self.is_over(closed, now)
            }
        };
        if has_news && self.is_waiting.replace(false) {
            self.moved.notify_one();
        }
    }

    fn lane_follows(&self, index: usize, lane: Rc<Lane<M::Answer>>) {
        let mut lanes = self.lanes.borrow_mut();
        if index == lanes.len() {
            return lanes.push(lane);
        }
        let before = std::mem::replace(&mut lanes[index], lane);
        let mut former = self.former.borrow_mut();
        former.push(before);
        former.retain(|lane| !lane.is_over());
    }

    fn lanes(&self) -> usize {
        self.lanes.borrow().len()
    }

    fn passed(&self, BytesPassed { bytes_in, bytes_out }: BytesPassed) {
        self.context.records.borrow_mut().passed(self.common.now(), bytes_in, bytes_out);
    }

    fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(self.context.records.borrow_mut().counts());
    }

    fn server(&self, name: &str) {
        self.context.records.borrow_mut().server(name);
    }
}

/// Runs one future until it or the other has ended.
async fn until(future: impl Future<Output = ()>, over: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = future => {}
        () = over => {}
    }
}
