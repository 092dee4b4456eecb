//! The state of a call's waits: when its task must be polled, and which wait is under way.
//!
//! Only the call's task writes it, so it needs no lock. Another thread that read it could see a mix of
//! current and older values.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use longsync_timer::{Sleep, WakeReason};

use super::Call;
use crate::call::wait::{Attention, Wait, WaitTimes, nanos};

/// The value that means no time.
const NONE: u64 = u64::MAX;

/// What a call waits for. Times are in nanoseconds since the call arrived.
#[derive(Debug)]
pub(super) struct WaitState {
    /// When the handler wants to be polled next.
    wake_at: AtomicU64,
    /// When the wait that is under way began.
    start: AtomicU64,
    queued: AtomicU64,
    planned: AtomicU64,
    /// How long the last wait lasted that has run out since one began.
    waited: AtomicU64,
    polls: AtomicU32,
    attended_until: AtomicU32,
    has_asked: AtomicBool,
    reads_ahead: AtomicBool,
    /// The address of the waker with which the call's task polls.
    task: AtomicUsize,
}

impl Default for WaitState {
    fn default() -> Self {
        Self {
            wake_at: AtomicU64::new(NONE),
            start: AtomicU64::new(NONE),
            queued: AtomicU64::new(0),
            planned: AtomicU64::new(0),
            waited: AtomicU64::new(NONE),
            polls: AtomicU32::new(0),
            attended_until: AtomicU32::new(0),
            has_asked: AtomicBool::new(false),
            reads_ahead: AtomicBool::new(false),
            task: AtomicUsize::new(0),
        }
    }
}

impl WaitState {
    /// Called when the call's task polls. Returns the time for which the handler asked, and clears it.
    pub(super) fn polled(&self, arrived: Instant) -> Option<Instant> {
        let mut attention = self.attention();
        attention.polled();
        self.attend(attention);
        let due = self.wakes_at(arrived);
        self.wake_at.store(NONE, Relaxed);
        due
    }

    /// When the handler wants to be polled next.
    pub(super) fn wakes_at(&self, arrived: Instant) -> Option<Instant> {
        at(arrived, self.wake_at.load(Relaxed))
    }

    /// The wait that is under way.
    pub(super) fn under_way(&self, arrived: Instant) -> Option<Wait> {
        let start = at(arrived, self.start.load(Relaxed))?;
        Some(self.last(start))
    }

    /// The times of the last wait, if it has run out: its answer may still be on its way.
    pub(super) fn over(&self, arrived: Instant) -> Option<WaitTimes> {
        let waited = self.waited.load(Relaxed);
        let times = || self.last(arrived).cut_short(Duration::from_nanos(waited));
        (waited != NONE).then(times)
    }

    fn last(&self, start: Instant) -> Wait {
        let [queued, planned] =
            [&self.queued, &self.planned].map(|it| Duration::from_nanos(it.load(Relaxed)));
        Wait::new(start, planned).after_standing(queued)
    }

    /// Remembers the context with which the call's task polls.
    pub(super) fn polled_with(&self, cx: &Context<'_>) {
        self.task.store(cx.waker().data().addr(), Relaxed);
    }

    /// Whether it is the call's task that polls, rather than a future that a handler has put in between.
    fn is_task(&self, cx: &Context<'_>) -> bool {
        self.task.load(Relaxed) == cx.waker().data().addr()
    }

    pub(super) fn begin(&self, wait: Wait, arrived: Instant) {
        self.start.store(since(arrived, wait.start), Relaxed);
        self.set_last(wait);
        self.waited.store(NONE, Relaxed);
    }

    /// A wait without a delay ends before it has begun.
    fn end(&self, wait: Wait, spent: WaitTimes) {
        self.start.store(NONE, Relaxed);
        self.set_last(wait);
        self.waited.store(nanos(spent.waited()).min(NONE - 1), Relaxed);
    }

    fn set_last(&self, wait: Wait) {
        self.queued.store(nanos(wait.queued()), Relaxed);
        self.planned.store(nanos(wait.planned()), Relaxed);
    }

    fn attention(&self) -> Attention {
        let until = self.has_asked.load(Relaxed).then(|| self.attended_until.load(Relaxed));
        Attention::new(self.polls.load(Relaxed), until)
    }

    fn attend(&self, attention: Attention) {
        self.polls.store(attention.polls(), Relaxed);
        if let Some(until) = attention.until() {
            self.attended_until.store(until, Relaxed);
            self.has_asked.store(true, Relaxed);
        }
    }
}

fn since(arrived: Instant, at: Instant) -> u64 {
    nanos(at.saturating_duration_since(arrived)).min(NONE - 1)
}

fn at(arrived: Instant, nanos: u64) -> Option<Instant> {
    (nanos != NONE).then(|| arrived + Duration::from_nanos(nanos))
}

impl Call {
    /// Waits. The future may be polled from the call's own task, which needs no additional timer entry, or
    /// from any other task.
    ///
    /// # Cancel safety
    /// A dropped wait does not count towards any sum; it still appears to be under way until the next wait
    /// begins.
    pub(crate) fn wait(&self, wait: Wait) -> impl Future<Output = WaitTimes> + Send + use<'_> {
        Pause { call: self, wait, apart: None }
    }

    /// [`Call::wait`] for a handler that polls by hand, with the context of the call's own task.
    pub(crate) fn poll_wait(&self, wait: Wait, cx: &Context<'_>) -> Poll<WaitTimes> {
        self.poll_wait_held_up(wait, wait.start, cx)
    }

    /// [`Call::poll_wait`] for a wait that the client may have held up until `free`: lateness does not count
    /// before that.
    pub(crate) fn poll_wait_held_up(
        &self,
        wait: Wait,
        free: Instant,
        cx: &Context<'_>,
    ) -> Poll<WaitTimes> {
        debug_assert!(
            self.waiting.is_task(cx),
            "polled with another waker, it would never be woken"
        );
        let (now, mut attention) = (self.now(), self.waiting.attention());
        if self.reached(now) < wait.due() {
            self.waiting.begin(wait, self.arrived);
            self.wake_at(wait.due());
            attention.waits();
            self.waiting.attend(attention);
            return Poll::Pending;
        }
        let free = if attention.was_kept_away() { now } else { free };
        attention.answers();
        self.waiting.attend(attention);
        let spent = self.ran_out(wait, now, free);
        self.waiting.end(wait, spent);
        Poll::Ready(spent)
    }

    /// The time that the call's waits have reached by `now`: never beyond its deadline, however late that is
    /// noticed.
    pub(crate) fn reached(&self, now: Instant) -> Instant {
        self.deadline().map_or(now, |deadline| deadline.at().min(now))
    }

    /// Called when a wait that nobody held up has run out.
    pub(crate) fn waited(&self, wait: Wait, ended: Instant) -> WaitTimes {
        self.ran_out(wait, ended, wait.start)
    }

    /// The times of a wait that has run out. Records its lateness, which counts from when the wait was due
    /// and the client no longer held it up.
    fn ran_out(&self, wait: Wait, ended: Instant, free: Instant) -> WaitTimes {
        let lateness = ended.saturating_duration_since(wait.due().max(free));
        self.worker().counters().late(lateness);
        wait.ran_out(lateness)
    }

    /// Adds a wait that is over to the sum in the call's timing. Returns the sum.
    ///
    /// If the previous wait was late, so that this one began before its end, this one counts from that end:
    /// no time is counted twice.
    pub(crate) fn add_spent(&self, wait: Wait, spent: WaitTimes) -> WaitTimes {
        let mut state = self.state();
        let ended = wait.start + spent.waited();
        let waited = state.waited_since(wait.start, ended);
        state.spent += spent.with_waited(waited);
        state.waited_until = Some(ended);
        state.spent
    }

    /// Asks to be polled at `due`, or earlier.
    pub(crate) fn wake_at(&self, due: Instant) {
        let due = since(self.arrived, due);
        self.waiting.wake_at.store(due.min(self.waiting.wake_at.load(Relaxed)), Relaxed);
    }
}

/// Tracks whether the handler attends to the call's waits.
impl Call {
    /// Whether the handler, which asks now, could not ask before, because the client did not take the answers
    /// that were ready.
    pub(crate) fn was_kept_away(&self) -> bool {
        self.waiting.attention().was_kept_away()
    }

    /// Called when the handler waits for a due time. For handlers with more than one wait under way.
    pub(crate) fn wait_until(&self, due: Instant) {
        self.wake_at(due);
        self.wait_for_more();
    }

    /// Called when the handler waits only for its client. For handlers with more than one wait under way.
    pub(crate) fn wait_for_more(&self) {
        let mut attention = self.waiting.attention();
        attention.waits();
        self.waiting.attend(attention);
    }

    /// Called when the handler has an answer. For handlers with more than one wait under way.
    pub(crate) fn answers(&self) {
        let mut attention = self.waiting.attention();
        attention.answers();
        self.waiting.attend(attention);
    }

    /// From now on, bytes are only read ahead, because the call is waiting.
    pub(crate) fn begin_reading_ahead(&self) {
        self.waiting.reads_ahead.store(true, Relaxed);
    }

    /// From now on, the bytes that are read are needed.
    pub(crate) fn end_reading_ahead(&self) {
        self.waiting.reads_ahead.store(false, Relaxed);
    }

    /// Whether bytes are only read ahead now, so that the client may take its time.
    pub(crate) fn reads_ahead(&self) -> bool {
        self.waiting.reads_ahead.load(Relaxed)
    }

    /// How many times the call's task has been polled.
    pub(crate) fn poll_number(&self) -> u32 {
        self.waiting.attention().polls()
    }
}

/// A wait of a call.
struct Pause<'a> {
    call: &'a Call,
    wait: Wait,
    /// A separate timer entry, used if something other than the call's task polls the wait.
    apart: Option<Pin<Box<Sleep>>>,
}

impl Future for Pause<'_> {
    type Output = WaitTimes;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<WaitTimes> {
        let Self { call, wait, apart } = &mut *self;
        if call.waiting.is_task(cx) {
            return call.poll_wait(*wait, cx);
        }
        loop {
            let now = call.now();
            if call.reached(now) >= wait.due() {
                return Poll::Ready(call.waited(*wait, now));
            }
            if now >= wait.due() {
                // The deadline came first; the call's task ends the call and with it this wait.
                return Poll::Pending;
            }
            let timer = call.worker().timer();
            let entry = apart.get_or_insert_with(|| Box::pin(timer.sleep_until(wait.due())));
            if ready!(entry.as_mut().poll(cx)) == WakeReason::Fired {
                // A drain is over; the call's task ends the call and with it this wait.
                return Poll::Pending;
            }
            *apart = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::Arc;

    use longsync_ready::Ready;
    use tokio::task::JoinSet;

    use super::*;
    use crate::call::headers::CallHeaders;
    use crate::call::task::CallTask;
    use crate::call::tests::{begin, seconds};

    fn of(call: &Call, planned: u64) -> Wait {
        Wait::new(call.arrived(), seconds(planned))
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_in_a_separate_task_ends_on_time() {
        let call = begin(CallHeaders::default());
        let task = Arc::clone(&call);
        let ends = CallTask::new(Arc::clone(&call), async move {
            let mut tasks = JoinSet::new();
            for planned in [3, 1, 2] {
                let call = Arc::clone(&task);
                tasks.spawn(async move {
                    let spent = call.wait(of(&call, planned)).await;
                    (planned, spent.waited(), call.now() - call.arrived())
                });
            }
            let mut ends = Vec::new();
            while let Some(ended) = tasks.join_next().await {
                ends.push(ended.unwrap());
            }
            ends
        });
        let expected: Vec<_> = (1..=3).map(|end| (end, seconds(end), seconds(end))).collect();
        assert_eq!(ends.await, Some(expected));
    }

    /// A set of futures polls each future with a separate waker, and only those that were woken.
    #[tokio::test(start_paused = true)]
    async fn a_wait_wakes_the_task_that_polls_it() {
        let call = begin(CallHeaders::default());
        let task = Arc::clone(&call);
        let waits = CallTask::new(Arc::clone(&call), async move {
            let (ready, mut keys) = (Ready::default(), vec![7]);
            let (waker, mut wait) = (ready.waker(7), pin!(task.wait(of(&task, 5))));
            poll_fn(|cx| {
                loop {
                    ready.take(&mut keys);
                    if !keys.is_empty() || task.waiting.polls.load(Relaxed) == 1 {
                        keys.clear();
                        if let Poll::Ready(spent) =
                            wait.as_mut().poll(&mut Context::from_waker(&waker))
                        {
                            return Poll::Ready(spent);
                        }
                    }
                    if ready.sleep(cx.waker()) {
                        return Poll::Pending;
                    }
                }
            })
            .await
        });
        assert_eq!(waits.await, Some(of(&call, 5).ran_out(Duration::ZERO)));
        assert_eq!(call.now(), call.arrived() + seconds(5));
    }

    #[test]
    fn times_are_exact_to_the_nanosecond_and_the_far_future_stays_far() {
        let (waiting, arrived) = (WaitState::default(), Instant::now());
        assert_eq!(waiting.under_way(arrived), None);
        let wait =
            Wait::new(arrived + Duration::from_nanos(7), seconds(1)).after_standing(seconds(2));
        waiting.begin(wait, arrived);
        assert_eq!(waiting.under_way(arrived), Some(wait));
        waiting.begin(Wait::new(wait.start, Duration::MAX), arrived);
        assert!(waiting.under_way(arrived).unwrap().planned() > seconds(500 * 365 * 24 * 3_600));
        assert_eq!(waiting.over(arrived), None);
        let spent = wait.ran_out(Duration::from_nanos(5));
        waiting.end(wait, spent);
        assert_eq!((waiting.under_way(arrived), waiting.over(arrived)), (None, Some(spent)));
    }
}
