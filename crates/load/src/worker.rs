//! One worker: its connections, and when it sends on them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::iter::Peekable;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longsync_connect::{ConnectError, Transport};
use longsync_stats::{Call, Counts, Moment, NotSent as Why};
use tokio::sync::Notify;

use crate::board::Board;
use crate::common::Common;
use crate::deadlines::Deadlines;
use crate::growth::Growth;
use crate::lane::{Connected, Lane, NotSent, Owner};
use crate::method::{CallNumber, Method};
use crate::plan::{Connections, LoadPlan};
use crate::progress::Tally;
use crate::records::Records;
use crate::schedule::{Arrival, Concurrency, DueTimes, Schedule, Share};
use crate::stop::Stop;

/// How many calls are handed to each connection before it writes them. What was handed over and not
/// written lies in memory, and counts as sent; but a write of a single call costs as much as one of
/// many.
const BATCH_A_LANE: usize = 16;
/// How many calls that are not sent are counted before others have their turn.
const COUNTED: usize = 4_096;

/// What a worker is given.
#[derive(Debug)]
pub(crate) struct Desk {
    /// Its place on the board.
    pub(crate) index: usize,
    pub(crate) share: Share,
    pub(crate) board: Arc<Board>,
    pub(crate) tally: Arc<Tally>,
    /// What it records; whoever has given it finds it there even if the worker has panicked.
    pub(crate) records: Rc<RefCell<Records>>,
}

/// A worker that has its connections, and has sent nothing.
#[derive(Debug)]
pub(crate) struct Prepared<M, T: Transport> {
    desk: Desk,
    common: Common<M, T>,
    connections: Vec<Connected<T::Io>>,
}

/// The state of a worker.
#[derive(Debug)]
struct Worker<M: Method, T> {
    desk: Desk,
    common: Common<M, T>,
    lanes: RefCell<Vec<Rc<Lane<M::Answer>>>>,
    /// Lanes that others have followed, while calls on them are in flight.
    former: RefCell<Vec<Rc<Lane<M::Answer>>>>,
    /// Where the next call is tried first.
    turn: Cell<usize>,
    stop: Stop,
    /// When no call is made any more, if that is known.
    ends: Option<Moment>,
    warm_up: Duration,
    grace: Duration,
    pace: Pace,
    deadlines: Option<Deadlines<M::Answer>>,
    growth: Option<Growth>,
    in_flight: Cell<usize>,
    /// A call has ended, or a connection takes calls or bytes again.
    moved: Notify,
    is_waiting: Cell<bool>,
    /// A task of this worker has panicked.
    has_panicked: Cell<bool>,
    panicked: Notify,
}

/// What holds calls back.
#[derive(Debug)]
enum Pace {
    /// Their due times.
    Open,
    /// The number to keep in flight.
    Closed(Box<Closed>),
}

/// How a closed loop goes on.
#[derive(Debug)]
struct Closed {
    concurrency: Concurrency,
    think: Duration,
    /// How many calls of the warm-up were begun, and how many that are recorded.
    warm_up: Cell<u64>,
    recorded: Cell<u64>,
    /// When the callers whose calls have ended have thought enough, in this order.
    thinking: RefCell<VecDeque<Moment>>,
}

impl<M: Method, T: Transport + 'static> Prepared<M, T> {
    /// Opens the connections of this worker's share.
    pub(crate) async fn connect(
        plan: &LoadPlan<M>,
        desk: Desk,
        common: Common<M, T>,
    ) -> Result<Self, ConnectError> {
        let mut connections = Vec::new();
        for nth in 0..desk.share.portion(plan.connections.at_first(plan.workers)) {
            let nth = desk.share.number(nth as u64);
            connections.push(Connected::dial(&common, nth).await?);
            desk.board.connected();
        }
        Ok(Self { desk, common, connections })
    }

    /// How many calls its connections carry at once.
    pub(crate) fn streams(&self) -> usize {
        self.connections.iter().map(Connected::max_streams).fold(0, usize::saturating_add)
    }

    /// Makes its share of the calls, from `start` on. The tasks of its connections, which it spawns on its
    /// thread, end with what runs them: open calls are reset then. Returns the calls that are in flight at the end:
    /// their numbers, when they were due, and when they were sent.
    ///
    /// # Panics
    /// When a task of a connection has.
    pub(crate) async fn work(
        self,
        plan: &LoadPlan<M>,
        start: Instant,
    ) -> Vec<(u64, Option<Moment>, Moment)> {
        let Self { desk, common, connections } = self;
        common.start(start);
        let due_times = plan.schedule.due_times(plan.warm_up, desk.share);
        let worker = Rc::new(Worker::new(plan, desk, common, connections.len()));
        for (index, connection) in connections.into_iter().enumerate() {
            let lane = Rc::clone(&worker.lanes.borrow()[index]);
            // All take calls before the first is due.
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
        until(worker.work(due_times), worker.panicked.notified()).await;
        assert!(!worker.has_panicked.get(), "a task of this worker has panicked");
        worker.unfinished()
    }
}

/// Rings if it is dropped by a panic.
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
    fn new(plan: &LoadPlan<M>, desk: Desk, common: Common<M, T>, lanes: usize) -> Self {
        let growth = match plan.connections {
            Connections::Fixed(_) => None,
            Connections::Auto { at_most } => {
                Some(Growth::new(desk.share.portion(at_most), desk.share))
            }
        };
        let pace = match &plan.schedule {
            Schedule::Closed { concurrency, think } => Pace::Closed(Box::new(Closed {
                concurrency: concurrency.clone(),
                think: *think,
                warm_up: Cell::new(0),
                recorded: Cell::new(0),
                thinking: RefCell::default(),
            })),
            _ => Pace::Open,
        };
        Self {
            desk,
            common,
            lanes: RefCell::new((0..lanes).map(|_| Rc::default()).collect()),
            former: RefCell::default(),
            turn: Cell::new(0),
            stop: plan.stop.clone(),
            ends: plan.time().map(|time| Moment::START + plan.warm_up + time),
            warm_up: plan.warm_up,
            grace: plan.grace,
            pace,
            deadlines: plan.deadline.map(Deadlines::new),
            growth,
            in_flight: Cell::new(0),
            moved: Notify::new(),
            is_waiting: Cell::new(false),
            has_panicked: Cell::new(false),
            panicked: Notify::new(),
        }
    }

    /// Makes the calls, and gives those that are open at the end their grace.
    async fn work(&self, due_times: Option<DueTimes>) {
        let board = &*self.desk.board;
        let mut arrivals = due_times.map(|due_times| {
            let allowed = |arrival: &Arrival| self.stop.allows_arrival(arrival, self.warm_up);
            due_times.take_while(allowed).peekable()
        });
        let making = async {
            match &mut arrivals {
                Some(arrivals) => {
                    until(self.send_when_due(arrivals), board.stopped.cancelled()).await;
                    // Those that were due when it was stopped.
                    self.send_when_due(arrivals).await;
                }
                None => until(self.keep_in_flight(), board.stopped.cancelled()).await,
            }
            board.has_sent();
            let over = self.common.sleep_until(self.common.now() + self.grace);
            until(self.all_ended(), over).await;
        };
        until(making, board.ended.cancelled()).await;
        // Those that were due and not sent when the run was ended.
        let left = arrivals.into_iter().flatten().take_while(|arrival| arrival.due < board.over());
        let mut records = self.desk.records.borrow_mut();
        left.for_each(|Arrival { number, due, .. }| records.not_sent(number, due, Why::Late));
    }

    fn unfinished(&self) -> Vec<(u64, Option<Moment>, Moment)> {
        let (lanes, former) = (self.lanes.borrow(), self.former.borrow());
        lanes.iter().chain(&*former).flat_map(|lane| lane.unfinished()).collect()
    }

    /// Sends each call when it is due, or counts it.
    async fn send_when_due(&self, arrivals: &mut Peekable<impl Iterator<Item = Arrival>>) {
        let board = &*self.desk.board;
        let whole_batch = self.lanes.borrow().len() * BATCH_A_LANE;
        let (mut batch, mut is_blocked) = (0, false);
        // A call leaves the schedule only when it was sent or counted.
        while let Some(Arrival { due, number, is_warm_up }) = arrivals.peek().copied() {
            let now = self.common.now();
            if due >= board.over() {
                return;
            }
            if now < due {
                self.common.sleep_until(due).await;
                batch = 0;
                continue;
            }
            if now >= board.sending_ends() {
                return self
                    .leave(arrivals, if is_blocked { Why::Blocked } else { Why::Late })
                    .await;
            }
            if batch == whole_batch {
                tokio::task::yield_now().await;
                batch = 0;
                continue;
            }
            batch += 1;
            let sent = self.send_due(CallNumber { number, is_warm_up }, due, now);
            // It is tried for as long as an open call is waited for.
            is_blocked = sent == Err(NotSent::Blocked) && now < due + self.grace;
            if is_blocked {
                self.until_moved_or(board.sending_ends().min(due + self.grace)).await;
                continue;
            }
            if let Err(why) = sent {
                self.desk.records.borrow_mut().not_sent(number, due, why.into());
            }
            arrivals.next();
        }
    }

    /// Sends a call of an open loop, if it may be in flight.
    fn send_due(&self, call: CallNumber, due: Moment, now: Moment) -> Result<(), NotSent> {
        let Desk { index, board, .. } = &self.desk;
        if !board.in_flight.take(*index) {
            return Err(NotSent::Limited);
        }
        let sent = self.send(self.turn.get(), call, Some(due), now);
        if sent.is_err() {
            board.in_flight.give(*index);
        }
        sent
    }

    /// Counts the calls that are left when nothing is sent any more.
    async fn leave(&self, arrivals: &mut Peekable<impl Iterator<Item = Arrival>>, why: Why) {
        loop {
            for _ in 0..COUNTED {
                let over = self.desk.board.over();
                let Some(Arrival { number, due, .. }) = arrivals.next_if(|it| it.due < over) else {
                    return;
                };
                self.desk.records.borrow_mut().not_sent(number, due, why);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Begins the first calls of a closed loop; each that ends is followed by another in
    /// [`Owner::lane_moved`], or here after a time to think. Returns when no further call is made.
    async fn keep_in_flight(&self) {
        let Pace::Closed(closed) = &self.pace else { return };
        loop {
            let now = self.common.now();
            if self.is_over(closed, now) {
                return;
            }
            closed.think_until(now);
            let whole_batch = self.lanes.borrow().len() * BATCH_A_LANE;
            if self.refill(None, whole_batch) == whole_batch {
                tokio::task::yield_now().await;
                continue;
            }
            // Perhaps those were the last.
            if self.is_over(closed, now) {
                return;
            }
            match self.next_change(closed, now) {
                Some(moment) => self.until_moved_or(moment).await,
                None => self.until_moved().await,
            }
        }
    }

    /// Whether a closed loop makes no further call.
    fn is_over(&self, closed: &Closed, now: Moment) -> bool {
        let number = self.desk.share.number(closed.recorded.get());
        let next = Arrival { due: now, number, is_warm_up: now < self.recorded_from() };
        now >= self.desk.board.over()
            || self.ends.is_some_and(|ends| now >= ends)
            || !self.stop.allows_arrival(&next, self.warm_up)
    }

    /// When a closed loop may begin calls, or end, without one having ended.
    fn next_change(&self, closed: &Closed, now: Moment) -> Option<Moment> {
        let from = self.recorded_from();
        let other_number = closed.concurrency.next_change(schedule_time(now, from));
        let changes = [
            (now < from).then_some(from),
            other_number.map(|at| at + self.warm_up),
            closed.thinking.borrow().front().copied(),
            self.ends,
        ];
        changes.into_iter().flatten().filter(|at| *at > now).min()
    }

    fn recorded_from(&self) -> Moment {
        Moment::START + self.warm_up
    }

    /// Begins as many calls of a closed loop as are missing, at most `most`, on the lane with this
    /// index or else on each in turn. Returns how many.
    fn refill(&self, lane: Option<usize>, most: usize) -> usize {
        let Pace::Closed(closed) = &self.pace else { return 0 };
        let (now, from) = (self.common.now(), self.recorded_from());
        let wanted = self.wanted(closed, now);
        let taken = self.in_flight.get() + closed.thinking.borrow().len();
        let missing = wanted.saturating_sub(taken).min(most);
        for filled in 0..missing {
            let now = if filled == 0 { now } else { self.common.now() };
            if self.is_over(closed, now) {
                return filled;
            }
            let is_warm_up = now < from;
            let begun = if is_warm_up { &closed.warm_up } else { &closed.recorded };
            let call = CallNumber { number: self.desk.share.number(begun.get()), is_warm_up };
            if self.send(lane.unwrap_or_else(|| self.turn.get()), call, None, now).is_err() {
                return filled;
            }
            begun.set(begun.get() + 1);
        }
        missing
    }

    /// How many calls of a closed loop this worker is to have in flight.
    fn wanted(&self, closed: &Closed, now: Moment) -> usize {
        let at = schedule_time(now, self.recorded_from());
        let all = usize::try_from(closed.concurrency.at(at)).unwrap_or(usize::MAX);
        self.desk.share.portion(all)
    }

    /// Sends a call on the first lane that takes it, from the one with this index on.
    fn send(
        &self,
        first: usize,
        call: CallNumber,
        due: Option<Moment>,
        now: Moment,
    ) -> Result<(), NotSent> {
        let lanes = self.lanes.borrow();
        let mut why = NotSent::Closed;
        for index in (first..lanes.len()).chain(0..first) {
            let lane = &lanes[index];
            match lane.send(call, due, now, &self.common) {
                Ok(place) => {
                    self.turn.set(if index + 1 == lanes.len() { 0 } else { index + 1 });
                    self.sent(due, now);
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
        match &self.growth {
            Some(growth) if why == NotSent::Full && growth.is_coming(lanes.len()) => {
                Err(NotSent::Blocked)
            }
            _ => Err(why),
        }
    }

    fn sent(&self, due: Option<Moment>, now: Moment) {
        self.in_flight.set(self.in_flight.get() + 1);
        self.desk.tally.sent();
        let mut records = self.desk.records.borrow_mut();
        records.advance(now, &self.desk.board);
        records.sent(due, now);
    }

    /// Goes on to the next second also when no call does so.
    async fn count_seconds(&self) {
        loop {
            let second_ends = self.desk.records.borrow().second_ends();
            self.common.sleep_until(second_ends).await;
            let Desk { index, board, records, .. } = &self.desk;
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

    async fn grow(self: Rc<Self>)
    where
        T: 'static,
    {
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

impl Closed {
    /// Callers who have thought enough by now think no longer.
    fn think_until(&self, now: Moment) {
        let mut thinking = self.thinking.borrow_mut();
        while thinking.front().is_some_and(|until| *until <= now) {
            thinking.pop_front();
        }
    }
}

/// A moment of the run in its schedule, whose 0 is the end of the warm-up: that runs as the schedule begins.
fn schedule_time(moment: Moment, from: Moment) -> Moment {
    Moment::from_nanos(moment.as_nanos().saturating_sub(from.as_nanos()))
}

impl From<NotSent> for Why {
    fn from(why: NotSent) -> Self {
        match why {
            NotSent::Limited => Self::InFlightLimit,
            NotSent::Full => Self::StreamLimit,
            NotSent::Closed => Self::NoConnection,
            NotSent::Blocked => Self::Blocked,
        }
    }
}

impl<M: Method, T: Transport + 'static> Owner for Worker<M, T> {
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

    fn ended(&self, call: &Call, text: Option<&str>) {
        let Desk { index, board, tally, records, .. } = &self.desk;
        let mut records = records.borrow_mut();
        records.advance(call.done, board);
        records.ended(call, text);
        self.in_flight.set(self.in_flight.get() - 1);
        match &self.pace {
            Pace::Open => board.in_flight.give(*index),
            Pace::Closed(closed) if closed.think.is_zero() => {}
            Pace::Closed(closed) => {
                closed.thinking.borrow_mut().push_back(call.done + closed.think);
            }
        }
        tally.ended();
    }

    fn connection(&self, is_open: bool) {
        if is_open { self.desk.board.connected() } else { self.desk.board.disconnected() }
    }

    /// In a closed loop others follow on the same lane, so that all keep their share.
    fn lane_moved(&self, lane: usize, ended: usize) {
        let has_news = match &self.pace {
            Pace::Open => true,
            Pace::Closed(closed) => {
                if closed.think.is_zero() {
                    self.refill(Some(lane), ended);
                }
                let in_flight = self.in_flight.get();
                in_flight == 0 || in_flight < self.wanted(closed, self.common.now())
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

    fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(self.desk.records.borrow_mut().counts());
    }

    fn server(&self, name: &str) {
        self.desk.records.borrow_mut().server(name);
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
