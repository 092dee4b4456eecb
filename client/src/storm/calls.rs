//! The calls of a storm's clients: each with as many attempts as its policy allows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use longsync::v1::{LongSyncRequest, LongSyncResponse};
use longsync_connect::answer::{ANSWER_BYTES, AnswerLimits, ExpectedMessages, PAGE_BYTES};
use longsync_connect::rpc::{self, Refused, RetryLog, Rpc};
use longsync_connect::{ConnectionPool, Stamps};
use longsync_timer::Timer;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::storm::plan::StormPlan;
use crate::storm::retry::Retries;
use crate::storm::series::{Slot, Tally};
use crate::storm::way::StormWay;

/// Arrivals draw from other streams of the same seed.
const BACK_OFF_STREAM: u64 = 2;

/// What all clients of a way share.
#[derive(Debug)]
pub(super) struct Clients {
    connections: ConnectionPool,
    pub(super) timer: Timer,
    pub(super) start: Instant,
    timeout: Duration,
    pub(super) tally: Tally,
    retries: Mutex<(Retries, ChaCha8Rng)>,
    trouble: Mutex<Option<String>>,
}

/// How an attempt ended.
#[derive(Debug)]
enum AttemptEnd {
    Answered,
    TimedOut,
    Shed,
    Failed(String),
}

impl Clients {
    /// The clients of a way, whose first call is due at `start`.
    pub(super) fn new(
        connections: ConnectionPool,
        start: Instant,
        plan: &StormPlan,
        way: StormWay,
    ) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(plan.seed());
        random.set_stream(BACK_OFF_STREAM);
        let retries = Retries::new(way.policy(), plan.attempts, plan.backoff_max);
        Self {
            timer: connections.timer().clone(),
            connections,
            start,
            timeout: plan.timeout,
            tally: Tally::new(plan.whole()),
            retries: Mutex::new((retries, random)),
            trouble: Mutex::default(),
        }
    }

    /// The first failure that nothing in the experiment plans.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn since_start(&self) -> Duration {
        self.timer.now().saturating_duration_since(self.start)
    }

    /// Makes the call with this number, with all its attempts.
    pub(super) async fn call(self: Arc<Self>, number: u64) {
        self.retries().0.begin_call();
        let mut attempt = 1;
        loop {
            self.now(|slot| slot.attempts += 1);
            match self.attempt(number, attempt).await {
                AttemptEnd::Answered => return self.now(|slot| slot.good += 1),
                AttemptEnd::TimedOut => self.now(|slot| slot.timed_out += 1),
                AttemptEnd::Shed => self.now(|slot| slot.shed += 1),
                AttemptEnd::Failed(why) => {
                    self.now(|slot| slot.failed += 1);
                    let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
                    trouble.get_or_insert(why);
                }
            }
            let Some(pause) = self.pause(attempt) else { return };
            if !pause.is_zero() {
                self.timer.sleep(pause).await;
            }
            attempt += 1;
        }
    }

    fn now(&self, change: impl FnOnce(&mut Slot)) {
        self.tally.at(self.since_start(), change);
    }

    fn pause(&self, failed: u32) -> Option<Duration> {
        let (retries, random) = &mut *self.retries();
        retries.pause(failed, || uniform(random))
    }

    fn retries(&self) -> MutexGuard<'_, (Retries, ChaCha8Rng)> {
        self.retries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one attempt, and resets it when its timeout has passed.
    async fn attempt(&self, number: u64, attempt: u32) -> AttemptEnd {
        let permit = match self.connections.permit().await {
            Ok(permit) => permit,
            Err(error) => return AttemptEnd::Failed(error.to_string()),
        };
        let stamps = Stamps::default();
        let until = self.timer.now() + self.timeout;
        let answering = async {
            let retried = RetryLog::default();
            let limits = AnswerLimits {
                message_bytes: ANSWER_BYTES,
                expected: ExpectedMessages::One,
                page_bytes: PAGE_BYTES,
            };
            let connections = &self.connections;
            let rpc = Rpc { connections, stamps: &stamps, retried: &retried, limits };
            let request = || self.request(number, attempt);
            let mut answers = rpc.begin_with(permit, request, Refused::HasFailed).await?;
            while answers.next::<LongSyncResponse>().await?.is_some() {}
            Ok::<_, Status>(())
        };
        let answered = tokio::select! {
            biased;
            answered = answering => answered,
            _ = self.timer.sleep_until(until) => return AttemptEnd::TimedOut,
        };
        // If this thread was late, an answer may be read after the moment at which its client gave up.
        let is_late = stamps.done().is_some_and(|done| done > until);
        match answered {
            Ok(()) if is_late => AttemptEnd::TimedOut,
            Ok(()) => AttemptEnd::Answered,
            Err(status) => match status.code() {
                Code::DeadlineExceeded => AttemptEnd::TimedOut,
                Code::ResourceExhausted => AttemptEnd::Shed,
                _ => AttemptEnd::Failed(format!("{:?}: {}", status.code(), status.message())),
            },
        }
    }

    /// Each attempt draws a service of its own, which is the same in each run of a seed.
    fn request(&self, number: u64, attempt: u32) -> (http::Request<()>, rpc::Outgoing) {
        let mut metadata = MetadataMap::new();
        if attempt > 1 {
            metadata.insert(longsync::PREVIOUS_ATTEMPTS_HEADER, MetadataValue::from(attempt - 1));
        }
        let origin = self.connections.target().origin();
        let head = rpc::head(origin, rpc::path("LongSync"), &metadata, Some(self.timeout));
        let call_id = format!("call-{number}");
        (head, rpc::whole(&LongSyncRequest { call_id, ..LongSyncRequest::default() }))
    }
}

/// A number from 0 up to 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
fn uniform(random: &mut ChaCha8Rng) -> f64 {
    const STEPS: f64 = (1_u64 << 53) as f64;
    (random.next_u64() >> 11) as f64 / STEPS
}
