//! One call: when it came, how long it may take, what it waits for, how it ended.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use longsync::duration::{text, to_proto};
use longsync::v1::Timing;

use crate::behavior::Behavior;
use crate::call_headers::CallHeaders;
use crate::counters::{Kind, Outcome};
use crate::deadline::{Deadline, parse_timeout};
use crate::plan::{Ask, MAX_CALL_ID_BYTES, Plan, plan};
use crate::refusal::{Cut, Refusal};
use crate::wait::{Spent, Wait};
use crate::worker::{Shared, Worker};

/// One call, shared by all that work on it. When the last of them lets go of it, it is counted.
#[derive(Debug)]
pub(crate) struct Call {
    worker: Arc<Worker>,
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
}

impl Call {
    /// A call whose headers arrived at `arrived`. One that cannot be served is cut from the start.
    pub(crate) fn begin(
        worker: &Arc<Worker>,
        kind: Option<Kind>,
        headers: CallHeaders,
        arrived: Instant,
    ) -> Arc<Self> {
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
            cut = Some(Cut::Refused(Refusal::Exhausted {
                limit: "max-in-flight",
                why: format!(
                    "calls in flight have reached this server's limit of {}",
                    worker.shared.config.limits.max_in_flight
                ),
            }));
        }
        if let Some(kind) = kind {
            worker.call_started();
            worker.counters().start(kind);
        }
        Arc::new(Self {
            worker: Arc::clone(worker),
            kind,
            arrived,
            deadline,
            attempt: headers.attempt,
            behavior_header: headers.behavior.map(Box::new),
            traceparent: headers.traceparent,
            is_admitted,
            is_cut: AtomicBool::new(cut.is_some()),
            buffered_bytes: AtomicU64::new(0),
            state: Mutex::new(State { cut, ..State::default() }),
        })
    }

    pub(crate) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// When the read of the socket that completed its headers returned.
    pub(crate) fn arrived(&self) -> Instant {
        self.arrived
    }

    pub(crate) fn now(&self) -> Instant {
        self.worker.timer.now()
    }

    /// Plans a request of this call.
    pub(crate) fn plan(&self, ask: Ask<'_>) -> Result<Plan, Refusal> {
        let config = &self.worker.shared.config;
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

    /// [`Call::wait`] for those who poll by hand.
    pub(crate) fn poll_wait(&self, wait: Wait) -> Poll<Spent> {
        let now = self.now();
        let mut state = self.state();
        if now < wait.due() {
            state.wait = Some(wait);
            state.wake_at = Some(wait.due());
            return Poll::Pending;
        }
        state.wait = None;
        drop(state);
        Poll::Ready(self.waited(wait, now))
    }

    /// A wait has run out: what it took, with its lateness recorded.
    pub(crate) fn waited(&self, wait: Wait, now: Instant) -> Spent {
        let waited = now - wait.start;
        self.worker.counters().late(waited.saturating_sub(wait.planned));
        Spent { planned: wait.planned, waited }
    }

    /// Asks to be polled again at `due`, for those who have more than one wait under way.
    pub(crate) fn wake_at(&self, due: Instant) {
        self.state().wake_at = Some(due);
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
            server: self.worker.shared.host.clone(),
            worker: u32::try_from(self.worker.index).unwrap_or(u32::MAX),
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

    /// Holds so many more bytes of this call's requests or answers in memory.
    ///
    /// # Errors
    /// When all calls together would then hold more than they may; these bytes are not held.
    pub(crate) fn hold(&self, bytes: u64) -> Result<(), Refusal> {
        let Shared { config, buffered_bytes, .. } = &*self.worker.shared;
        if buffered_bytes.take(self.worker.index, bytes) {
            self.buffered_bytes.fetch_add(bytes, Ordering::Relaxed);
            return Ok(());
        }
        let limit = config.limits.max_buffered_bytes;
        Err(Refusal::Exhausted {
            limit: "max-buffered-bytes",
            why: format!("bytes held in memory have reached this server's limit of {limit}"),
        })
    }

    /// Lets go of bytes that were held.
    pub(crate) fn release(&self, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let before = self.buffered_bytes.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(bytes <= before, "{bytes} of {before} bytes are released");
        self.worker.shared.buffered_bytes.give_back(self.worker.index, bytes);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not keep the call from being counted.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let now = self.worker.timer.now();
        let deadline = self.deadline;
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Worker { shared, index, .. } = &*self.worker;
        shared.buffered_bytes.give_back(*index, *self.buffered_bytes.get_mut());
        if self.is_admitted {
            shared.in_flight.give_back(*index, 1);
        }
        let Some(kind) = self.kind else { return };
        let outcome = state.outcome(deadline, now);
        let waited =
            now.saturating_duration_since(state.wait.map_or(self.arrived, |wait| wait.start));
        {
            let mut counters = self.worker.counters();
            counters.end(kind, outcome);
            if outcome == Outcome::Cancelled {
                counters.cancelled(waited);
            }
        }
        self.worker.call_ended();
        tracing::debug!(
            target: crate::CALL_LOG_TARGET,
            rpc = %kind,
            %outcome,
            call_id = Some(state.call_id.as_str()).filter(|id| !id.is_empty()),
            took = text(now.saturating_duration_since(self.arrived)),
            behavior = state.behavior.as_ref().map(ToString::to_string),
            attempt = self.attempt,
            worker = self.worker.index,
            traceparent = self.traceparent.as_ref().and_then(|value| value.to_str().ok()),
            "call ended"
        );
    }
}

impl State {
    /// How much of the time from `start` to `end` was not counted by the wait before.
    fn waited_since(&self, start: Instant, end: Instant) -> Duration {
        end.saturating_duration_since(self.waited_until.map_or(start, |until| until.max(start)))
    }

    fn outcome(&self, deadline: Option<Deadline>, now: Instant) -> Outcome {
        match (self.outcome, &self.cut) {
            (Some(outcome), _) if !self.is_client_gone => outcome,
            (_, Some(cut)) => cut.outcome(),
            (_, None) if deadline.is_some_and(|deadline| deadline.explains_reset_at(now)) => {
                Outcome::DeadlineExceeded
            }
            (_, None) => Outcome::Cancelled,
        }
    }
}
