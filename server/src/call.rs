//! One call: when it arrived, how long it may take, what it waits for, how it ended.

pub(crate) mod behavior_cache;
mod deadline;
pub(crate) mod ending;
pub(crate) mod fault;
pub(crate) mod header_request;
pub(crate) mod headers;
mod memory;
mod output;
pub(crate) mod plan;
mod queued;
pub(crate) mod refusal;
pub(crate) mod task;
mod timing;
pub(crate) mod wait;
mod waiting;
pub(crate) mod wall_clock;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use longsync_behavior::envoy::EnvoyDraw;
use longsync_behavior::{AppliedBehavior, Behavior, CallName, DrawKey, FaultClause};
use longsync_text::duration::text;
use longsync_timer::Sleep;
use tonic::Status;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::call::deadline::{Deadline, parse_timeout};
use crate::call::ending::Ending;
use crate::call::header_request::HeaderRequest;
use crate::call::headers::{CallHeaders, ECHO_INITIAL, ECHO_TRAILING};
use crate::call::plan::{Ask, MAX_CALL_ID_BYTES, Plan, plan, text_bytes};
use crate::call::queued::InQueue;
use crate::call::refusal::Refusal;
use crate::call::wait::{Wait, WaitTimes};
use crate::call::waiting::WaitState;
use crate::config::Limits;
use crate::record::{CloseReason, ConnectionRecord};
use crate::shared::counters::{CallKind, Outcome};
use crate::worker::Worker;

/// The target of the log line that each call writes, at level debug, when it ends.
pub const CALL_LOG_TARGET: &str = "longsync_server::call";

/// One call, shared by everything that works on it. It is counted when the last reference to it is dropped.
#[derive(Debug)]
pub(crate) struct Call {
    record: Arc<ConnectionRecord>,
    /// Its number among the requests of its connection, from 0.
    number: u64,
    /// The number of its HTTP/2 stream; 0 if it cannot be needed.
    stream: u32,
    /// [`None`] for a call of another service (health, reflection), which is not counted.
    kind: Option<CallKind>,
    arrived: Instant,
    deadline: Option<Deadline>,
    attempt: u32,
    /// Whether its headers state the attempt.
    states_attempt: bool,
    /// How its headers ask that it be answered.
    asked: Option<Box<HeaderRequest>>,
    /// For the log line that the call writes when it ends.
    traceparent: Option<Box<HeaderValue>>,
    is_admitted: bool,
    waiting: WaitState,
    /// Whether the call ends before its answer, for the reason in [`State::ending`].
    is_cut: AtomicBool,
    /// Whether its status can only be sent in the next turn.
    has_last_words: AtomicBool,
    is_client_gone: AtomicBool,
    /// Whether it is never answered, as planned, and therefore does not count as a call in flight for a drain.
    is_hung: AtomicBool,
    /// Whether its deadline has no effect, because it hangs or will hang.
    has_no_deadline: AtomicBool,
    /// Whether its messages may be as long as those of our own calls, although it is not one.
    is_interop: AtomicBool,
    /// Whether [`State::answer_fault`] says how the answer is sent, which is rarely the case.
    has_delivery: AtomicBool,
    /// Whether [`State::encoder`] is set, which is checked often and is rarely the case.
    waits_for_encoder: AtomicBool,
    /// Bytes of answers that were handed to HTTP but are not yet encoded for the socket.
    handed_over: AtomicU32,
    buffered_bytes: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The behavior that was applied to its last message.
    applied: Option<AppliedBehavior>,
    call_id: String,
    received_at: Option<SystemTime>,
    /// The sum of this call's waits that are over, if its answer reports a sum (`LongSyncCollect`).
    spent: WaitTimes,
    /// When the last of these waits ended.
    waited_until: Option<Instant>,
    /// What it has in the server's queue, if that has one, until its wait there is over.
    queued: Option<Box<InQueue>>,
    ending: Option<Ending>,
    /// The fault that goes along with its answer.
    answer_fault: Option<Arc<FaultClause>>,
    /// Woken when everything that was handed over is encoded.
    encoder: Option<Waker>,
}

impl Call {
    /// Begins a call whose headers arrived at `arrived`. A call that cannot be served is cut from the start.
    pub(crate) fn begin(
        record: &Arc<ConnectionRecord>,
        kind: Option<CallKind>,
        mut headers: CallHeaders,
        arrived: Instant,
    ) -> Arc<Self> {
        let worker = record.worker();
        let mut ending = worker.is_drained().then_some(Ending::Drained);
        let mut deadline = None;
        if let Some(value) = headers.timeout.as_ref().filter(|_| kind != Some(CallKind::Http)) {
            match parse_timeout(value.as_bytes()) {
                Ok(timeout) => deadline = Deadline::new(arrived, timeout),
                Err(why) => ending = Some(Refusal::invalid("grpc-timeout", why).into()),
            }
        }
        if kind.is_none() {
            headers.leave_ours_out();
        }
        let call_id = headers.take_call_id().unwrap_or_else(|why| {
            ending = Some(why.into());
            String::new()
        });
        if let Some(why) = headers.asked.as_mut().and_then(|asked| asked.refused.take()) {
            ending = Some(why.into());
        }
        if let Some(header) = headers.repeated {
            ending = Some(Refusal::invalid(header, "given twice: send it once").into());
        }
        let is_admitted = kind.is_some() && worker.take_slot();
        if kind.is_some() && !is_admitted {
            let limit = worker.limits().max_in_flight;
            ending = Some(Refusal::too_many_in_flight(limit).into());
        }
        if let Some(kind) = kind {
            worker.call_started();
            worker.counters().start(kind);
        }
        let call = Self {
            record: Arc::clone(record),
            number: record.request_number(),
            stream: record.request_stream(),
            kind,
            arrived,
            deadline,
            attempt: headers.attempt,
            states_attempt: headers.states_attempt,
            asked: headers.asked,
            traceparent: headers.traceparent,
            is_admitted,
            waiting: WaitState::default(),
            is_cut: AtomicBool::new(ending.is_some()),
            has_last_words: AtomicBool::new(false),
            is_client_gone: AtomicBool::new(false),
            is_hung: AtomicBool::new(false),
            has_no_deadline: AtomicBool::new(false),
            is_interop: AtomicBool::new(false),
            has_delivery: AtomicBool::new(false),
            waits_for_encoder: AtomicBool::new(false),
            handed_over: AtomicU32::new(0),
            buffered_bytes: AtomicU64::new(0),
            state: Mutex::new(State { call_id, ending, ..State::default() }),
        };
        if call.asked.is_some() {
            call.hold_header();
        }
        Arc::new(call)
    }

    /// Accounts for the memory that the behaviors in its headers take for as long as the call lasts.
    #[cold]
    fn hold_header(&self) {
        if let Err(refusal) = self.hold(self.header_bytes()) {
            self.cut(refusal.into());
        }
    }

    fn header_bytes(&self) -> u64 {
        let Some(asked) = self.asked.as_deref() else { return 0 };
        let behaviors = [&asked.behavior, &asked.rpc_behavior].into_iter().flatten().flatten();
        behaviors.map(|behavior| text_bytes(behavior.text())).sum()
    }

    /// Private, so that a call does not give access to everything.
    fn worker(&self) -> &Arc<Worker> {
        self.record.worker()
    }

    pub(crate) fn kind(&self) -> Option<CallKind> {
        self.kind
    }

    /// When the socket read that completed its headers returned.
    pub(crate) fn arrived(&self) -> Instant {
        self.arrived
    }

    /// When the last read of its connection that returned bytes returned.
    pub(crate) fn last_read(&self) -> Instant {
        self.record.last_read()
    }

    pub(crate) fn now(&self) -> Instant {
        self.worker().timer().now()
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.worker().limits()
    }

    /// The current health of its server.
    pub(crate) fn health(&self) -> ServingStatus {
        self.worker().shared().health.status()
    }

    /// The health of its server, and each change to it.
    pub(crate) fn watch_health(&self) -> tokio::sync::watch::Receiver<ServingStatus> {
        self.worker().shared().health.watch()
    }

    /// A wait in addition to the call's own, which may outlive the call; [`None`] once a drain is over,
    /// because that ends all waits.
    pub(crate) fn sleep(&self, duration: Duration) -> Option<Sleep> {
        let worker = self.worker();
        (!worker.is_drained()).then(|| worker.timer().sleep(duration))
    }

    /// The same, until a point in time.
    pub(crate) fn sleep_until(&self, due: Instant) -> Option<Sleep> {
        let worker = self.worker();
        (!worker.is_drained()).then(|| worker.timer().sleep_until(due))
    }

    /// Plans this call's message with this index. Also returns when the message was received, by the wall
    /// clock.
    pub(crate) fn plan(
        &self,
        ask: Ask<'_>,
        index: u64,
        received: Instant,
    ) -> Result<(Plan, SystemTime), Refusal> {
        let received_at = self.worker().by_wall_clock(received);
        let ask = match self.asked.as_deref() {
            None => ask,
            Some(asked) => Ask {
                header: borrowed(asked.behavior.as_ref()),
                rpc_behavior: borrowed(asked.rpc_behavior.as_ref()),
                ..ask
            },
        };
        let worker = self.worker();
        let mut state = self.state();
        let is_first = state.received_at.is_none();
        state.received_at.get_or_insert(received_at);
        // A longer one is refused.
        if is_first && (1..=MAX_CALL_ID_BYTES).contains(&ask.call_id.len()) {
            ask.call_id.clone_into(&mut state.call_id);
        }
        let own = if ask.call_id.is_empty() { &state.call_id } else { ask.call_id };
        let mut plan =
            worker.with_rules(|rules| plan(&ask, &self.key(own, index), rules, self.limits()))?;
        if index == 0
            && let Some(envoy) = self.envoy_of(own)
        {
            plan.add_envoy(envoy);
        }
        state.applied = Some(plan.applied.clone());
        Ok((plan, received_at))
    }

    /// The delay that a behavior draws for the answer with this index.
    pub(crate) fn draw(&self, applied: &AppliedBehavior, index: u64) -> Duration {
        applied.draw(&self.key(&self.state().call_id, index))
    }

    fn key<'a>(&self, call_id: &'a str, index: u64) -> DrawKey<'a> {
        let name = match call_id {
            "" => CallName::Numbers { connection: self.record.number(), request: self.number },
            id => CallName::Id(id),
        };
        DrawKey { seed: self.worker().seed(), name, attempt: self.attempt, index }
    }

    /// The wait of a call with this plan, or of its first message, from `start`, which is now. The delay of
    /// Envoy's headers comes before any stall.
    #[inline]
    pub(crate) fn first_wait(&self, start: Instant, plan: &Plan) -> Wait {
        if self.worker().shared().stall.is_none() {
            return Wait::new(start, plan.delay());
        }
        let envoy = self.envoy("").map_or(Duration::ZERO, |envoy| envoy.delay);
        self.wait_from(start, plan, envoy)
    }

    /// The wait of a call or message with this plan from `start`, which is now. It can be served `after` that;
    /// one that Envoy's headers abort is never queued.
    pub(crate) fn wait_from(&self, start: Instant, plan: &Plan, after: Duration) -> Wait {
        let stall = self.worker().shared().stall.as_ref().filter(|_| !plan.is_aborted());
        let queued = stall.map_or(Duration::ZERO, |stall| stall.queued_at(start, after));
        Wait::new(start, plan.delay()).after_standing(queued)
    }

    /// What Envoy's headers do to this call. `call_id` is that of its first message, which may be empty.
    pub(crate) fn envoy(&self, call_id: &str) -> Option<EnvoyDraw> {
        let state = self.state();
        self.envoy_of(if call_id.is_empty() { &state.call_id } else { call_id })
    }

    #[inline]
    fn envoy_of(&self, name: &str) -> Option<EnvoyDraw> {
        let asked = self.asked.as_deref().filter(|asked| asked.envoy.are_any())?;
        Some(self.draw_envoy(asked, name))
    }

    #[cold]
    fn draw_envoy(&self, asked: &HeaderRequest, name: &str) -> EnvoyDraw {
        asked.envoy.draw(&self.key(name, 0), self.kind != Some(CallKind::Http))
    }

    /// Whether its answer has further headers.
    pub(crate) fn has_more_headers(&self) -> bool {
        self.asked.as_deref().is_some_and(|asked| asked.names_host || asked.echo.is_any())
            || self.is_interop.load(Ordering::Relaxed)
    }

    /// Adds the headers that its answer has besides the usual ones: the name of this host, and what the client
    /// of gRPC's interop tests wants back.
    #[cold]
    pub(crate) fn add_more_headers(&self, headers: &mut HeaderMap) {
        let asked = self.asked.as_deref();
        // Clients of gRPC's interop tests look for it in every answer.
        let names_host =
            self.is_interop.load(Ordering::Relaxed) || asked.is_some_and(|asked| asked.names_host);
        let host = HeaderValue::from_str(&self.worker().shared().host).ok().filter(|_| names_host);
        headers.extend(host.map(|host| (HeaderName::from_static("hostname"), host)));
        let echo = asked.and_then(|asked| asked.echo.initial.clone());
        headers.extend(echo.map(|echo| (HeaderName::from_static(ECHO_INITIAL), echo)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere must not keep the call from being counted.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a call ends.
impl Call {
    /// Ends the call before its answer, unless something else already has.
    pub(crate) fn cut(&self, ending: Ending) {
        self.finish(ending);
        self.is_cut.store(true, Ordering::Release);
    }

    /// Called when the last of the answer, or the ending in its place, was handed to HTTP. If the client had
    /// already disconnected, this is not how the call ended.
    pub(crate) fn finish(&self, ending: Ending) {
        if !self.is_client_gone.load(Ordering::Relaxed) {
            self.state().ending.get_or_insert(ending);
        }
    }

    /// The status of the call if it ends this way now.
    pub(crate) fn status(&self, ending: &Ending) -> Status {
        ending.status(&self.timing_at_end(ending))
    }

    /// The same status as trailers.
    pub(crate) fn trailers(&self, ending: &Ending) -> HeaderMap {
        if *ending == Ending::Answered {
            let mut trailers = Ending::ok();
            let asked = self.asked.as_deref();
            if let Some(echo) = asked.and_then(|asked| asked.echo.trailing.clone()) {
                trailers.insert(ECHO_TRAILING, echo);
            }
            return trailers;
        }
        let mut trailers = HeaderMap::with_capacity(3);
        // This fails only for a message that no header can carry, and ours is percent-encoded.
        let _ = self.status(ending).add_header(&mut trailers);
        trailers
    }

    /// Whether the service of gRPC's interop tests is one of the server's.
    pub(crate) fn has_interop(&self) -> bool {
        self.worker().shared().config.has_interop
    }

    /// What ends the call before its answer, if anything does.
    pub(crate) fn why_cut(&self) -> Option<Ending> {
        if !self.is_cut() {
            return None;
        }
        self.state().ending.clone().filter(|ending| *ending != Ending::Answered)
    }

    fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }

    /// Called before each poll of the call's `CallTask`. Returns whether the call is cut, at the latest by
    /// its deadline.
    ///
    /// If both a wait and the deadline have passed, the one that was due first decides, however late this is
    /// noticed.
    fn is_cut_before_poll(&self) -> bool {
        let due = self.waiting.polled(self.arrived);
        if let Some(deadline) = self.deadline().filter(|_| !self.is_cut())
            && deadline.at() <= self.now()
            && [due, self.queued_due()].into_iter().flatten().all(|due| deadline.at() < due)
        {
            self.cut(Ending::Deadline(deadline.timeout()));
        }
        self.is_cut()
    }

    /// When the call's `CallTask` must be polled next: at the due time or the deadline, whichever is earlier.
    fn next_poll(&self) -> Option<Instant> {
        let due = self.waiting.wakes_at(self.arrived);
        due.into_iter().chain(self.deadline().map(Deadline::at)).min()
    }

    /// The deadline at which the server ends the call.
    fn deadline(&self) -> Option<Deadline> {
        self.deadline.filter(|_| !self.has_no_deadline.load(Ordering::Relaxed))
    }

    /// Notes that the call is cut and that its status can only be sent in the next turn.
    pub(crate) fn ask_for_last_words(&self) {
        self.has_last_words.store(true, Ordering::Relaxed);
    }

    /// Whether that was noted; true only once.
    fn take_last_words(&self) -> bool {
        self.has_last_words.swap(false, Ordering::Relaxed)
    }

    /// Called when the client will not read an answer.
    pub(crate) fn client_gone(&self) {
        self.is_client_gone.store(true, Ordering::Relaxed);
    }

    /// The outcome as which the call is counted.
    fn outcome(&self, ending: Option<&Ending>) -> Outcome {
        match ending {
            Some(Ending::Answered) if !self.is_client_gone.load(Ordering::Relaxed) => {
                Outcome::Answered
            }
            Some(ending) if *ending != Ending::Answered => ending.outcome(),
            _ if self.deadline.is_some_and(|deadline| deadline.explains_reset_at(self.now())) => {
                Outcome::DeadlineExceeded
            }
            _ if self.record.wish().is_some_and(CloseReason::is_planned) => Outcome::Dropped,
            _ => Outcome::Cancelled,
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.record.release(*self.buffered_bytes.get_mut());
        if self.is_admitted {
            self.worker().give_slots_back(1);
        }
        let Some(kind) = self.kind else { return };
        let state = self.state();
        let worker = self.record.worker();
        let outcome = self.outcome(state.ending.as_ref());
        {
            let mut counters = worker.counters();
            counters.end(kind, outcome);
            if outcome == Outcome::Cancelled {
                let wait = self.waiting.under_way(self.arrived);
                let start = wait.map_or(self.arrived, |wait| wait.start);
                counters.cancelled(self.now().saturating_duration_since(start));
            }
        }
        if !self.is_hung() {
            worker.call_ended();
        }
        let ended_by = state.ending.as_ref().and_then(Ending::planned);
        let fault = ended_by.or(state.answer_fault.as_deref());
        tracing::debug!(
            target: CALL_LOG_TARGET,
            rpc = %kind,
            %outcome,
            call_id = Some(state.call_id.as_str()).filter(|id| !id.is_empty()),
            took = text(self.now().saturating_duration_since(self.arrived)),
            queued = self.queued_at_end(&state).map(text),
            behavior = state.applied.as_ref().map(|applied| applied.text().into_owned()),
            fault = fault.map(tracing::field::display),
            attempt = self.attempt,
            worker = worker.index(),
            connection = self.record.number(),
            request = self.number,
            peer = self.record.peer().map(tracing::field::display),
            traceparent = self.traceparent.as_ref().and_then(|value| value.to_str().ok()),
            "call ended"
        );
    }
}

/// A behavior of a header, as a decision takes it.
fn borrowed(header: Option<&Result<Behavior, String>>) -> Option<Result<&Behavior, &str>> {
    header.map(|header| header.as_ref().map_err(String::as_str))
}

#[cfg(test)]
mod tests {
    use longsync_timer::Clock;

    use super::*;
    use crate::config::Config;

    pub(super) fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// A call of a separate server, on tokio's clock.
    pub(super) fn begin(headers: CallHeaders) -> Arc<Call> {
        let worker = Worker::new(Config::default(), Clock::Tokio);
        let record = ConnectionRecord::open(&worker, 0, None);
        Call::begin(&record, Some(CallKind::LongSync), headers, worker.timer().now())
    }

    #[tokio::test(start_paused = true)]
    async fn an_ending_after_the_client_has_disconnected_does_not_count() {
        let outcome = |call: Arc<Call>| {
            let worker = Arc::clone(call.record.worker());
            drop(call);
            let ended = |outcome| worker.snapshot().calls_ended(CallKind::LongSync, outcome) == 1;
            Outcome::ALL.into_iter().find(|outcome| ended(*outcome)).unwrap()
        };
        let call = begin(CallHeaders::default());
        call.client_gone();
        call.cut(Refusal::CutShort.into());
        assert_eq!(outcome(call), Outcome::Cancelled);
        let call = begin(CallHeaders::default());
        call.cut(Refusal::CutShort.into());
        call.client_gone();
        assert_eq!(outcome(call), Outcome::Refused);
        let call = begin(CallHeaders::default());
        call.finish(Ending::Answered);
        call.client_gone();
        assert_eq!(outcome(call), Outcome::Cancelled);
    }
}
