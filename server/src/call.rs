//! One call: when it came, how long it may take, what it waits for, how it ended.

pub(crate) mod deadline;
pub(crate) mod headers;
pub(crate) mod plan;
pub(crate) mod refusal;
pub(crate) mod task;
pub(crate) mod wait;

use std::future::{Future, poll_fn};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use longsync::duration::to_proto;
use longsync::v1::Timing;
use longsync_text::duration::text;

use crate::behavior::Behavior;
use crate::call::deadline::{Deadline, parse_timeout};
use crate::call::headers::CallHeaders;
use crate::call::plan::{Ask, MAX_CALL_ID_BYTES, Plan, plan};
use crate::call::refusal::{Cut, Refusal};
use crate::call::wait::{Attention, Spent, Wait};
use crate::record::{Record, add, subtract};
use crate::shared::counters::{Kind, Outcome};
use crate::worker::Worker;

/// How long a request to health or reflection may be: it has a name.
const MAX_NAME_BYTES: u32 = 1024;

/// One call, shared by all that work on it. When the last of them lets go of it, it is counted.
#[derive(Debug)]
pub(crate) struct Call {
    record: Arc<Record>,
    /// [`None`]: a call of another service (health, reflection), which is not counted.
    kind: Option<Kind>,
    arrived: Instant,
    deadline: Option<Deadline>,
    attempt: u32,
    /// Seldom sent, and boxed for that.
    behavior_header: Option<Box<HeaderValue>>,
    /// For the line that it writes when it ends.
    traceparent: Option<Box<HeaderValue>>,
    is_admitted: bool,
    /// Whether [`State::cut`] is set: it is looked at often, and seldom is.
    is_cut: AtomicBool,
    /// Whether [`State::encoder`] is set, likewise.
    waits_for_encoder: AtomicBool,
    /// Bytes of answers that HTTP has and has not yet encoded for the socket.
    handed_over: AtomicU32,
    buffered_bytes: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the handler wants to be polled next.
    wake_at: Option<Instant>,
    /// The wait that is under way.
    wait: Option<Wait>,
    /// The waits of this call that are over, as far as they count together (`LongSyncCollect`).
    spent: Spent,
    /// When the last of those ended.
    waited_until: Option<Instant>,
    behavior: Option<Behavior>,
    call_id: String,
    received_at: Option<SystemTime>,
    cut: Option<Cut>,
    outcome: Option<Outcome>,
    is_client_gone: bool,
    has_last_words: bool,
    reads_ahead: bool,
    attention: Attention,
    /// Woken when all that was handed over is encoded.
    encoder: Option<Waker>,
}

impl Call {
    /// A call whose headers arrived at `arrived`. One that cannot be served is cut from the start.
    pub(crate) fn begin(
        record: &Arc<Record>,
        kind: Option<Kind>,
        headers: CallHeaders,
        arrived: Instant,
    ) -> Arc<Self> {
        let worker = record.worker();
        let mut cut = worker.is_drained().then_some(Cut::Drain);
        let mut deadline = None;
        if let Some(value) = headers.timeout.filter(|_| kind != Some(Kind::Http)) {
            match parse_timeout(value.as_bytes()) {
                Ok(timeout) => deadline = Deadline::new(arrived, timeout),
                Err(why) => cut = Some(Cut::Refused(Refusal::invalid("grpc-timeout", why))),
            }
        }
        if headers.is_behavior_repeated && kind.is_some() {
            let why = "given twice: send it once";
            cut = Some(Cut::Refused(Refusal::invalid(longsync::BEHAVIOR_HEADER, why)));
        }
        let is_admitted = kind.is_some() && worker.shared.in_flight.take(worker.index, 1);
        if kind.is_some() && !is_admitted {
            let limit = worker.shared.config.limits.max_in_flight;
            cut = Some(Cut::Refused(Refusal::too_many_in_flight(limit)));
        }
        if let Some(kind) = kind {
            worker.call_started();
            worker.counters().start(kind);
        }
        Arc::new(Self {
            record: Arc::clone(record),
            kind,
            arrived,
            deadline,
            attempt: headers.attempt,
            behavior_header: headers.behavior.map(Box::new),
            traceparent: headers.traceparent,
            is_admitted,
            is_cut: AtomicBool::new(cut.is_some()),
            waits_for_encoder: AtomicBool::new(false),
            handed_over: AtomicU32::new(0),
            buffered_bytes: AtomicU64::new(0),
            state: Mutex::new(State { cut, ..State::default() }),
        })
    }

    pub(crate) fn worker(&self) -> &Arc<Worker> {
        self.record.worker()
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// When the read of the socket that completed its headers returned.
    pub(crate) fn arrived(&self) -> Instant {
        self.arrived
    }

    pub(crate) fn now(&self) -> Instant {
        self.worker().timer.now()
    }

    /// Plans a request of this call.
    pub(crate) fn plan(&self, ask: Ask<'_>) -> Result<Plan, Refusal> {
        let config = &self.worker().shared.config;
        let ask = Ask { header: self.behavior_header.as_deref(), ..ask };
        let plan = plan(&ask, &config.behavior, &config.limits)?;
        self.state().behavior = Some(plan.behavior.clone());
        Ok(plan)
    }

    /// A request of this call was received. Returns the wall clock's reading.
    pub(crate) fn received(&self, call_id: &str) -> SystemTime {
        let at = SystemTime::now();
        let mut state = self.state();
        state.received_at.get_or_insert(at);
        // One that is longer is refused.
        if state.call_id.is_empty() && call_id.len() <= MAX_CALL_ID_BYTES {
            call_id.clone_into(&mut state.call_id);
        }
        at
    }

    /// Waits. Must be polled by the call's `CallTask`, which owns the timer entry.
    pub(crate) fn wait(&self, wait: Wait) -> impl Future<Output = Spent> + use<'_> {
        poll_fn(move |_| self.poll_wait(wait))
    }

    /// [`Call::wait`] for a handler that polls by hand.
    pub(crate) fn poll_wait(&self, wait: Wait) -> Poll<Spent> {
        self.poll_wait_held_up(wait, wait.start)
    }

    /// [`Call::poll_wait`] for a wait that its client may have held up until `free`: before that it is
    /// not late.
    pub(crate) fn poll_wait_held_up(&self, wait: Wait, free: Instant) -> Poll<Spent> {
        let now = self.now();
        let mut state = self.state();
        if now < wait.due() {
            state.wait = Some(wait);
            state.wake_at(wait.due());
            state.attention.waits();
            return Poll::Pending;
        }
        let free = if state.attention.was_kept_away() { now } else { free };
        state.attention.answers();
        state.wait = None;
        drop(state);
        Poll::Ready(self.ran_out(wait, now, free))
    }

    /// A wait that nobody held up has run out.
    pub(crate) fn waited(&self, wait: Wait, ended: Instant) -> Spent {
        self.ran_out(wait, ended, wait.start)
    }

    /// What a wait took, with its lateness recorded: the time since it was due and the client no longer
    /// held it up.
    fn ran_out(&self, wait: Wait, ended: Instant, free: Instant) -> Spent {
        let lateness = ended.saturating_duration_since(wait.due().max(free));
        self.worker().counters().late(lateness);
        Spent { planned: wait.planned, waited: wait.planned + lateness }
    }

    /// Whether the handler, which asks now, had no way to ask before, because its client did not take
    /// the answers that were ready.
    pub(crate) fn was_kept_away(&self) -> bool {
        self.state().attention.was_kept_away()
    }

    /// The handler waits for a due time: for handlers that have more than one wait under way.
    pub(crate) fn wait_until(&self, due: Instant) {
        let mut state = self.state();
        state.wake_at(due);
        state.attention.waits();
    }

    /// The handler waits for its client alone: for handlers that have more than one wait under way.
    pub(crate) fn wait_for_more(&self) {
        self.state().attention.waits();
    }

    /// The handler has an answer: for handlers that have more than one wait under way.
    pub(crate) fn answers(&self) {
        self.state().attention.answers();
    }

    /// What is read from now on is only read ahead, since the call waits.
    pub(crate) fn begin_reading_ahead(&self) {
        self.state().reads_ahead = true;
    }

    /// What is read from now on is wanted.
    pub(crate) fn end_reading_ahead(&self) {
        self.state().reads_ahead = false;
    }

    /// Whether what is read now is only read ahead, so that the client may take its time.
    pub(crate) fn reads_ahead(&self) -> bool {
        self.state().reads_ahead
    }

    /// How often the call's task was polled.
    pub(crate) fn poll_number(&self) -> u32 {
        self.state().attention.polls()
    }

    /// Asks to be polled at `due`, if not before.
    pub(crate) fn wake_at(&self, due: Instant) {
        self.state().wake_at(due);
    }

    /// Adds a wait that is over to what the call's own timing sums up. Returns the sum.
    ///
    /// A wait that began before the one before it ended, because that one was late, counts from that
    /// end: no moment is waited twice.
    pub(crate) fn add_spent(&self, wait: Wait, spent: Spent) -> Spent {
        let mut state = self.state();
        let ended = wait.start + spent.waited;
        let waited = state.waited_since(wait.start, ended);
        state.spent += Spent { waited, ..spent };
        state.waited_until = Some(ended);
        state.spent
    }

    /// The timing of an answer.
    pub(crate) fn timing(
        &self,
        spent: Spent,
        behavior: &Behavior,
        received_at: SystemTime,
    ) -> Timing {
        Timing {
            received_at: Some(received_at.into()),
            planned: Some(to_proto(spent.planned)),
            waited: Some(to_proto(spent.waited)),
            behavior: behavior.to_string(),
            ..self.timing_without_wait()
        }
    }

    /// The timing of a call that ends now without its answer.
    pub(crate) fn timing_at_end(&self) -> Timing {
        let now = self.now();
        let state = self.state();
        let mut spent = state.spent;
        if let Some(wait) = state.wait {
            spent += Spent { planned: wait.planned, waited: state.waited_since(wait.start, now) };
        }
        let has_planned = state.wait.is_some() || state.spent != Spent::default();
        Timing {
            received_at: state.received_at.map(Into::into),
            planned: has_planned.then(|| to_proto(spent.planned)),
            waited: Some(to_proto(spent.waited)),
            behavior: state.behavior.as_ref().map(ToString::to_string).unwrap_or_default(),
            ..self.timing_without_wait()
        }
    }

    fn timing_without_wait(&self) -> Timing {
        Timing {
            queued: Some(to_proto(Duration::ZERO)),
            deadline_left: self.deadline.map(|deadline| to_proto(deadline.timeout())),
            server: self.worker().shared.host.clone(),
            worker: u32::try_from(self.worker().index).unwrap_or(u32::MAX),
            attempt: self.attempt,
            ..Timing::default()
        }
    }

    /// Before each poll of the call's `CallTask`: whether the call is cut, by its deadline at the latest.
    ///
    /// Of a wait and a deadline that have both passed, the one that was due first decides, however
    /// late this is noticed.
    pub(crate) fn is_cut_before_poll(&self) -> bool {
        let mut state = self.state();
        state.attention.polled();
        let due = state.wake_at.take();
        if let Some(deadline) = self.deadline.filter(|_| state.cut.is_none())
            && deadline.at() <= self.now()
            && due.is_none_or(|due| deadline.at() < due)
        {
            state.cut = Some(Cut::Deadline(deadline.timeout()));
            self.is_cut.store(true, Ordering::Release);
        }
        state.cut.is_some()
    }

    /// The call is cut, and its status can only be said in the next turn.
    pub(crate) fn ask_for_last_words(&self) {
        self.state().has_last_words = true;
    }

    /// Whether that is so; asked once.
    pub(crate) fn take_last_words(&self) -> bool {
        mem::take(&mut self.state().has_last_words)
    }

    /// When the call's `CallTask` must be polled next: at the earlier of the due time and the deadline.
    pub(crate) fn next_poll(&self) -> Option<Instant> {
        let due = self.state().wake_at;
        due.into_iter().chain(self.deadline.map(Deadline::at)).min()
    }

    /// Ends the call before its answer, unless something has already.
    pub(crate) fn cut(&self, cut: Cut) {
        self.state().cut.get_or_insert(cut);
        self.is_cut.store(true, Ordering::Release);
    }

    /// What ended the call before its answer, if something did.
    pub(crate) fn why_cut(&self) -> Option<Cut> {
        if !self.is_cut.load(Ordering::Acquire) {
            return None;
        }
        self.state().cut.clone()
    }

    /// The last of the answer was handed to HTTP.
    pub(crate) fn finish(&self, outcome: Outcome) {
        self.state().outcome.get_or_insert(outcome);
    }

    /// The client will not read an answer.
    pub(crate) fn client_gone(&self) {
        self.state().is_client_gone = true;
    }

    /// Holds this many more bytes of this call's requests or answers in memory.
    ///
    /// # Errors
    /// When its connection, or all calls together, would then hold more than they may; these bytes are
    /// not held.
    pub(crate) fn hold(&self, bytes: u64) -> Result<(), Refusal> {
        if bytes == 0 || self.record.hold(bytes) {
            add(&self.buffered_bytes, bytes);
            return Ok(());
        }
        let limit = self.worker().shared.config.limits.max_buffered_bytes;
        Err(Refusal::Exhausted {
            limit: "max-buffered-bytes",
            why: format!(
                "bytes held in memory have reached this server's limit of {limit}, \
                 or this connection's part of it"
            ),
        })
    }

    /// Lets go of bytes that were held.
    pub(crate) fn release(&self, bytes: u64) {
        debug_assert!(bytes <= self.buffered_bytes.load(Ordering::Relaxed), "{bytes} are released");
        subtract(&self.buffered_bytes, bytes);
        self.record.release(bytes);
    }

    /// A message was taken, of which `kept` bytes stay in memory and `held` are held.
    ///
    /// # Errors
    /// When there is no room for them.
    pub(crate) fn keep(&self, kept: u64, held: u64) -> Result<(), Refusal> {
        self.hold(kept.saturating_sub(held))?;
        self.release(held.saturating_sub(kept));
        Ok(())
    }

    /// Makes room for an answer of this many bytes, of which the call holds `had` already. While there is
    /// none, and the connection has something that can go out as soon as its client reads, this waits.
    ///
    /// # Errors
    /// When there is no room and nothing will go out.
    pub(crate) fn poll_room(
        &self,
        bytes: u64,
        had: u64,
        cx: &Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        if let Err(refusal) = self.hold(bytes.saturating_sub(had)) {
            let waits = self.record.wait_to_go(cx);
            return if waits { Poll::Pending } else { Poll::Ready(Err(refusal)) };
        }
        self.release(had.saturating_sub(bytes));
        self.record.answered(bytes);
        Poll::Ready(Ok(()))
    }

    /// How long a message of its request may be.
    pub(crate) fn max_message_bytes(&self) -> u32 {
        let limit = self.worker().shared.config.limits.max_message_bytes;
        if self.holds_requests() { limit } else { limit.min(MAX_NAME_BYTES) }
    }

    /// Why a message of its request that is longer is refused.
    pub(crate) fn too_long(&self, message_bytes: u32) -> Refusal {
        let limit = self.max_message_bytes();
        if self.holds_requests() || limit < MAX_NAME_BYTES {
            return Refusal::message_too_long(message_bytes, limit);
        }
        Refusal::fixed(
            "health and reflection's request",
            format!(
                "a message of {message_bytes} bytes is over the limit of {limit} for health and \
                 reflection: send one name"
            ),
        )
    }

    /// Whether the bytes of its request are held. Those of other services are few: health checks are
    /// never refused for want of memory, and streams hold what they cost in all.
    pub(crate) fn holds_requests(&self) -> bool {
        self.kind.is_some()
    }

    /// Whether the bytes of its answers are held. Those of other services, and of HTTP, are few.
    fn holds_answers(&self) -> bool {
        self.kind.is_some_and(|kind| kind != Kind::Http)
    }
}

/// The part of its answers that HTTP has.
impl Call {
    /// This many bytes are handed to HTTP.
    pub(crate) fn hand_over(&self, bytes: u32) {
        self.handed_over.store(self.handed_over() + bytes, Ordering::Relaxed);
        self.record.handed_over(bytes.into());
    }

    /// How many of them are not yet encoded for the socket.
    pub(crate) fn handed_over(&self) -> u32 {
        self.handed_over.load(Ordering::Relaxed)
    }

    /// This many of them were encoded.
    pub(crate) fn encoded(&self, bytes: u32) {
        let left = self.handed_over() - bytes;
        self.handed_over.store(left, Ordering::Relaxed);
        self.record.encoded(bytes.into());
        if self.holds_answers() {
            self.release(bytes.into());
        }
        if left == 0 && self.waits_for_encoder.load(Ordering::Relaxed) {
            self.waits_for_encoder.store(false, Ordering::Relaxed);
            let waiting = self.state().encoder.take();
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// This many of them never were: the client will not have them.
    pub(crate) fn thrown_away(&self, bytes: u32) {
        self.client_gone();
        self.encoded(bytes);
    }

    /// Has the task woken when all of them are encoded.
    pub(crate) fn wait_for_encoder(&self, cx: &Context<'_>) {
        self.state().encoder = Some(cx.waker().clone());
        self.waits_for_encoder.store(true, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not keep the call from being counted.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let worker = self.record.worker();
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.record.release(*self.buffered_bytes.get_mut());
        if self.is_admitted {
            worker.shared.in_flight.give_back(worker.index, 1);
        }
        let Some(kind) = self.kind else { return };
        // The clock is not read for those that were answered, which are nearly all.
        let now = || worker.timer.now();
        let outcome = state.outcome(self.deadline, now);
        {
            let mut counters = worker.counters();
            counters.end(kind, outcome);
            if outcome == Outcome::Cancelled {
                let start = state.wait.map_or(self.arrived, |wait| wait.start);
                counters.cancelled(now().saturating_duration_since(start));
            }
        }
        worker.call_ended();
        tracing::debug!(
            target: crate::CALL_LOG_TARGET,
            rpc = %kind,
            %outcome,
            call_id = Some(state.call_id.as_str()).filter(|id| !id.is_empty()),
            took = text(now().saturating_duration_since(self.arrived)),
            behavior = state.behavior.as_ref().map(ToString::to_string),
            attempt = self.attempt,
            worker = worker.index,
            peer = self.record.peer().map(tracing::field::display),
            traceparent = self.traceparent.as_ref().and_then(|value| value.to_str().ok()),
            "call ended"
        );
    }
}

impl State {
    fn wake_at(&mut self, due: Instant) {
        self.wake_at = Some(self.wake_at.map_or(due, |earlier| earlier.min(due)));
    }

    /// How much of the time from `start` to `end` was not counted by the wait before.
    fn waited_since(&self, start: Instant, end: Instant) -> Duration {
        end.saturating_duration_since(self.waited_until.map_or(start, |until| until.max(start)))
    }

    fn outcome(&self, deadline: Option<Deadline>, now: impl Fn() -> Instant) -> Outcome {
        match (self.outcome, &self.cut) {
            (Some(outcome), _) if !self.is_client_gone => outcome,
            (_, Some(cut)) => cut.outcome(),
            (_, None) if deadline.is_some_and(|deadline| deadline.explains_reset_at(now())) => {
                Outcome::DeadlineExceeded
            }
            (_, None) => Outcome::Cancelled,
        }
    }
}
