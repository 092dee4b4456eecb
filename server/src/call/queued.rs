//! The wait of a call that stands in the server's queue: for Envoy's delay, for a worker, for the service.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use longsync_behavior::{Fault, FaultMoment};

use super::{Call, State};
use crate::call::deadline::Deadline;
use crate::call::ending::Ending;
use crate::call::plan::Plan;
use crate::call::wait::{Wait, WaitTimes};
use crate::shared::queue::Waking;
use crate::shared::queue::mailbox::Mailbox;
use crate::shared::queue::standing::Standing;
use crate::worker::queue::{Arrival, Arrived, CallNumbers, Seat};

/// What a call has in the server's queue.
#[derive(Debug)]
pub(super) enum InQueue {
    /// The wait of the call itself.
    Wait(QueuedWait),
    /// Messages, if it is an exchange.
    Messages(Arc<Mailbox>),
}

/// A wait whose service begins when the queue says so.
#[derive(Debug)]
pub(super) struct QueuedWait {
    /// [`None`] before the call has arrived in the queue. Given back when its wait is over, or with the call.
    seat: Option<Seat>,
    /// The wait as if its service began at once.
    wait: Wait,
    /// How long the call is held, by Envoy's headers, before it arrives in the queue.
    held: Duration,
    /// Whether it holds its worker until the call ends.
    hangs: bool,
    stage: Stage,
}

#[derive(Debug, Clone)]
enum Stage {
    Held,
    Standing(Arc<Standing>),
    Serving(Wait),
}

impl QueuedWait {
    /// When the call arrives in the queue.
    fn enters(&self) -> Instant {
        Wait::new(self.wait.start, self.held).due()
    }

    /// The wait of a call that stands: what is known of it until its service begins.
    fn standing(&self) -> Wait {
        self.wait.after_standing(Duration::MAX)
    }

    fn serving(&self, since: Instant) -> Wait {
        self.wait.after_standing(since.saturating_duration_since(self.enters()))
    }

    /// The wait, if it is known when its service begins.
    fn started(&self) -> Option<Wait> {
        match &self.stage {
            Stage::Held => None,
            Stage::Standing(standing) => standing.start().map(|since| self.serving(since)),
            Stage::Serving(wait) => Some(*wait),
        }
    }

    /// How much of the time that it has waited it was queued.
    pub(super) fn queued_within(&self, waited: Duration) -> Duration {
        let most = waited.saturating_sub(self.held);
        self.started().map_or(most, |wait| wait.queued().min(most))
    }
}

impl State {
    pub(super) fn queued_wait(&self) -> Option<&QueuedWait> {
        match self.queued.as_deref()? {
            InQueue::Wait(wait) => Some(wait),
            InQueue::Messages(_) => None,
        }
    }

    fn queued_wait_mut(&mut self) -> Option<&mut QueuedWait> {
        match self.queued.as_deref_mut()? {
            InQueue::Wait(wait) => Some(wait),
            InQueue::Messages(_) => None,
        }
    }
}

impl Call {
    /// Whether a call with this plan stands in the server's queue. One that Envoy's headers abort does not get
    /// that far.
    #[inline]
    pub(crate) fn stands(&self, plan: &Plan) -> bool {
        self.worker().shared().queue.is_some() && !plan.is_aborted()
    }

    /// Begins a wait in the server's queue from `start`, for [`Call::poll_queued`].
    #[cold]
    pub(crate) fn begin_queued(&self, start: Instant, plan: &Plan) {
        self.begins_to_wait(start);
        let held = self.envoy("").map_or(Duration::ZERO, |envoy| envoy.delay);
        let fault = plan.fault_at(FaultMoment::After);
        let hangs = fault.is_some_and(|fault| *fault.fault() == Fault::Hang);
        let wait = Wait::new(start, plan.delay());
        let queued = QueuedWait { seat: None, wait, held, hangs, stage: Stage::Held };
        self.state().queued = Some(Box::new(InQueue::Wait(queued)));
    }

    /// Called when a wait begins that will come to the server's queue: the windows of a stall may be counted from
    /// there.
    pub(crate) fn begins_to_wait(&self, start: Instant) {
        if let Some(stall) = &self.worker().shared().stall {
            stall.origin(start);
        }
    }

    /// Ready once the wait in the server's queue is over, and at once if that is full. Polled with the context
    /// of the call's own task.
    #[cold]
    pub(crate) fn poll_queued(&self, cx: &Context<'_>) -> Poll<Result<(Wait, WaitTimes), Ending>> {
        loop {
            let (stage, standing, enters) = {
                let state = self.state();
                let Some(queued) = state.queued_wait() else { return Poll::Pending };
                (queued.stage.clone(), queued.standing(), queued.enters())
            };
            match stage {
                Stage::Held if self.reached(self.now()) < enters => {
                    self.waiting.begin(standing, self.arrived);
                    self.wait_until(enters);
                    return Poll::Pending;
                }
                Stage::Held => self.enter_queue()?,
                Stage::Standing(place) => match place.poll_start(cx) {
                    Poll::Ready(since) => self.begin_service(since),
                    Poll::Pending => {
                        self.waiting.begin(standing, self.arrived);
                        self.wait_for_more();
                        return Poll::Pending;
                    }
                },
                Stage::Serving(wait) => {
                    let spent = ready!(self.poll_wait(wait, cx));
                    self.end_service();
                    return Poll::Ready(Ok((wait, spent)));
                }
            }
        }
    }

    fn enter_queue(&self) -> Result<(), Ending> {
        let deadline = self.deadline().map(Deadline::at);
        let arrival = {
            let state = self.state();
            let Some(queued) = state.queued_wait() else { return Ok(()) };
            let service = queued.wait.planned().saturating_sub(queued.held);
            let service = Some(service).filter(|_| !queued.hangs);
            Arrival { from: self.caller(None), at: queued.enters(), service, deadline }
        };
        let mut place = None;
        let arrived = self.worker().arrive_in_queue(arrival, || {
            Waking::Call(Arc::clone(place.insert(Arc::new(Standing::default()))))
        });
        match arrived {
            None => {}
            Some(Arrived::Serving { seat, since }) => {
                self.sits(seat);
                self.begin_service(since);
            }
            Some(Arrived::Standing(seat)) => {
                self.sits(seat);
                if let (Some(queued), Some(place)) = (self.state().queued_wait_mut(), place) {
                    queued.stage = Stage::Standing(place);
                }
            }
            Some(Arrived::Shed(queue)) => return Err(Ending::Shed(queue)),
        }
        Ok(())
    }

    /// From now on, messages of the call are in the queue, whose starts come to this mailbox.
    pub(crate) fn begin_messages(&self, mailbox: &Arc<Mailbox>) {
        self.state().queued = Some(Box::new(InQueue::Messages(Arc::clone(mailbox))));
    }

    /// A message of the call arrives in the queue. If it has to stand, `mailbox` is told when its service begins,
    /// by its number.
    #[cold]
    pub(crate) fn enter_message(
        &self,
        at: Instant,
        service: Option<Duration>,
        mailbox: &Arc<Mailbox>,
        order: u64,
    ) -> Option<Arrived> {
        // A call with a message that hangs ends at its deadline all the same.
        let deadline = self.deadline().map(Deadline::at);
        let arrival = Arrival { from: self.caller(Some(order)), at, service, deadline };
        let waking = || Waking::Message { mailbox: Arc::clone(mailbox), order, service };
        self.worker().arrive_in_queue(arrival, waking)
    }

    fn caller(&self, message: Option<u64>) -> CallNumbers {
        CallNumbers { connection: self.record.number(), request: self.number, message }
    }

    /// Counts how long a message stood whose service begins.
    pub(crate) fn count_queued(&self, queued: Duration) {
        self.worker().counters().queued_for(queued);
    }

    fn sits(&self, seat: Seat) {
        if let Some(queued) = self.state().queued_wait_mut() {
            queued.seat = Some(seat);
        }
    }

    fn begin_service(&self, since: Instant) {
        let began = self.state().queued_wait_mut().map(|queued| {
            let wait = queued.serving(since);
            queued.stage = Stage::Serving(wait);
            wait
        });
        if let Some(wait) = began {
            self.worker().counters().queued_for(wait.queued());
        }
    }

    /// The wait is over: from now on, it is no reason not to end the call at its deadline.
    fn end_service(&self) {
        let served = |it: &mut Box<InQueue>| matches!(&**it, InQueue::Wait(wait) if !wait.hangs);
        // Its seat is dropped without the lock, because the queue takes its own and wakes other calls.
        let served = self.state().queued.take_if(served);
        drop(served);
    }

    /// When the wait of a call that stood, or the first of its messages that did, is due, if its service has
    /// begun in the meantime.
    #[cold]
    pub(super) fn queued_due(&self) -> Option<Instant> {
        let worker = self.worker();
        worker.shared().queue.as_ref()?;
        self.state().queued.as_ref()?;
        // The call whose end lets it begin may not have noticed that end yet.
        worker.advance_queue();
        match self.state().queued.as_deref()? {
            InQueue::Wait(wait) => Some(wait.started()?.due()),
            InQueue::Messages(mailbox) => mailbox.take_first_due(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http::HeaderValue;
    use longsync_timer::Clock;

    use super::*;
    use crate::call::headers::CallHeaders;
    use crate::call::plan::Ask;
    use crate::call::task::CallTask;
    use crate::call::tests::{begin, seconds};
    use crate::config::{Config, Options};
    use crate::record::ConnectionRecord;
    use crate::shared::counters::{CallKind, Outcome};
    use crate::worker::Worker;

    #[test]
    fn a_place_in_the_queue_costs_calls_without_one_a_pointer() {
        assert!(size_of::<Call>() <= 368, "{}", size_of::<Call>());
        assert_eq!(size_of::<Option<Box<InQueue>>>(), size_of::<usize>());
    }

    /// The call before it is on a thread that does not run, so that nobody but this one can notice its end.
    #[tokio::test(start_paused = true)]
    async fn a_start_that_nobody_has_noticed_counts_at_the_deadline() {
        let (ms, behavior) = (Duration::from_millis, "30ms; queue(workers=1, limit=1)".parse());
        let options = Options { behavior: behavior.unwrap(), ..Options::default() };
        let worker = Worker::new(Config::new(options).unwrap(), Clock::Tokio);
        let now = worker.timer().now();
        let from = CallNumbers { connection: 1, request: 0, message: None };
        let before = Arrival { from, at: now, service: Some(ms(50)), deadline: None };
        let _before = worker.arrive_in_queue(before, || unreachable!("it does not stand"));

        let record = ConnectionRecord::open(&worker, 0, None);
        let timeout = Some(HeaderValue::from_static("100m"));
        let headers = CallHeaders { timeout, ..CallHeaders::default() };
        let call = Call::begin(&record, Some(CallKind::LongSync), headers, now);
        let (plan, _) = call.plan(Ask::default(), 0, now).unwrap();
        call.begin_queued(now, &plan);
        let task = Arc::clone(&call);
        let waits = CallTask::new(Arc::clone(&call), poll_fn(move |cx| task.poll_queued(cx)));
        let (wait, spent) = waits.await.expect("it was due before").unwrap();
        assert_eq!((wait.queued(), wait.due()), (ms(50), now + ms(80)));
        assert_eq!(spent.waited(), ms(100), "the deadline, at which it was noticed");
        assert_eq!(call.why_cut(), None);
        assert_eq!(call.queued_at_end(&call.state()), Some(ms(50)));
    }

    async fn stand(call: &Call, standing: &Standing, planned: Duration) -> (Instant, WaitTimes) {
        let start = poll_fn(|cx| standing.poll_start(cx)).await;
        (start, call.wait(Wait::new(start, planned)).await)
    }

    #[tokio::test(start_paused = true)]
    async fn a_standing_call_starts_when_another_thread_starts_it() {
        let call = begin(CallHeaders::default());
        let standing = Arc::new(Standing::default());
        let start = call.arrived() + seconds(2);
        let (says, task) = (Arc::clone(&standing), Arc::clone(&call));
        // The paused clock does not advance while a blocking thread runs.
        let said = tokio::task::spawn_blocking(move || says.starts_at(start));
        let waits =
            CallTask::new(
                Arc::clone(&call),
                async move { stand(&task, &standing, seconds(3)).await },
            );
        let (started, spent) = waits.await.expect("nothing cuts the call");
        said.await.unwrap();
        assert_eq!((started, spent), (start, Wait::new(start, seconds(3)).ran_out(Duration::ZERO)));
        assert_eq!(call.now(), start + seconds(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_standing_call_ends_at_its_deadline() {
        let timeout = Some(HeaderValue::from_static("1S"));
        let call = begin(CallHeaders { timeout, ..CallHeaders::default() });
        let (worker, task) = (Arc::clone(call.record.worker()), Arc::clone(&call));
        let standing = Standing::default();
        let stands = async move { stand(&task, &standing, Duration::ZERO).await };
        assert_eq!(CallTask::new(Arc::clone(&call), stands).await, None);
        assert_eq!(call.now(), call.arrived() + seconds(1));
        drop(call);
        assert_eq!(worker.snapshot().calls_ended(CallKind::LongSync, Outcome::DeadlineExceeded), 1);
    }
}
