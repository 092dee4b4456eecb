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

#[cfg(test)]
mod tests {
    use longsync_server::Options;
    use longsync_timer::Clock;

    use super::*;
    use crate::embedded::EmbeddedServer;
    use crate::storm::plan::StormOptions;

    /// So long that a busy machine does not let it pass.
    const PATIENT: Duration = Duration::from_secs(10);
    const IMPATIENT: Duration = Duration::from_millis(30);

    fn server(behavior: &str) -> EmbeddedServer {
        let behavior = behavior.parse().unwrap();
        EmbeddedServer::start(Options { behavior, ..Options::default() }).unwrap()
    }

    fn clients(
        server: &EmbeddedServer,
        way: StormWay,
        (attempts, timeout): (u32, Duration),
    ) -> Arc<Clients> {
        let options = StormOptions { attempts, timeout, seed: Some(1), ..StormOptions::default() };
        let plan = StormPlan::new(options).unwrap();
        let timer = Timer::with_spin(Clock::Monotonic, Duration::ZERO);
        let connections = ConnectionPool::new(server.target.clone(), timer.clone());
        Arc::new(Clients::new(connections, timer.now(), &plan, way))
    }

    /// What was counted of these calls, made one after another; and what nobody planned.
    async fn counted(clients: &Arc<Clients>, calls: u64) -> (Slot, Option<String>) {
        for number in 0..calls {
            Arc::clone(clients).call(number).await;
        }
        let slots = clients.tally.ended_at(Duration::MAX);
        let sum = |count: fn(&Slot) -> u64| slots.iter().map(count).sum();
        let counted = Slot {
            good: sum(|slot| slot.good),
            attempts: sum(|slot| slot.attempts),
            shed: sum(|slot| slot.shed),
            timed_out: sum(|slot| slot.timed_out),
            failed: sum(|slot| slot.failed),
            ..Slot::default()
        };
        (counted, clients.trouble())
    }

    /// The server counts attempts as their header says.
    #[tokio::test]
    async fn a_call_is_made_again_until_it_is_answered() {
        let server = server("0s; fail_first(2, UNAVAILABLE)");
        let (counted, trouble) = counted(&clients(&server, StormWay::Work, (4, PATIENT)), 1).await;
        assert_eq!(counted, Slot { attempts: 3, failed: 2, good: 1, ..Slot::default() });
        assert_eq!(trouble.as_deref(), Some("Unavailable: planned by longsync"));
    }

    #[tokio::test]
    async fn a_call_fails_with_its_last_attempt_and_every_end_is_counted_as_itself() {
        for way in [StormWay::NoRetries, StormWay::Work] {
            let attempts = if way == StormWay::NoRetries { 1 } else { 4 };
            let hanging = server("0s; hang(100%)");
            let (hung, trouble) = counted(&clients(&hanging, way, (4, IMPATIENT)), 1).await;
            assert_eq!(hung, Slot { attempts, timed_out: attempts, ..Slot::default() });
            assert_eq!(trouble, None);
            let full = server("0s; fail(100%, RESOURCE_EXHAUSTED)");
            let (refused, trouble) = counted(&clients(&full, way, (4, PATIENT)), 1).await;
            assert_eq!(refused, Slot { attempts, shed: attempts, ..Slot::default() });
            assert_eq!(trouble, None);
        }
    }

    #[tokio::test]
    async fn calls_share_a_budget_to_which_each_adds_a_tenth() {
        let server = server("0s; fail(100%, RESOURCE_EXHAUSTED)");
        let clients = clients(&server, StormWay::Budget, (100, PATIENT));
        // The first call spends ten retries, the next nine make none, and the one after them has earned one.
        for (calls, attempts) in [(1, 11), (9, 20), (1, 22)] {
            assert_eq!(counted(&clients, calls).await.0.attempts, attempts);
        }
    }

    #[tokio::test]
    async fn a_call_that_backs_off_pauses_as_long_as_its_seed_draws() {
        let server = server("0s; fail(100%, RESOURCE_EXHAUSTED)");
        let of_the_same_seed = clients(&server, StormWay::BackOff, (5, PATIENT));
        let pauses: Duration = (1..5).map(|failed| of_the_same_seed.pause(failed).unwrap()).sum();
        assert!(pauses > Duration::from_millis(100), "{pauses:?}");
        let begun = Instant::now();
        let (counted, _) = counted(&clients(&server, StormWay::BackOff, (5, PATIENT)), 1).await;
        assert!(begun.elapsed() >= pauses, "{:?} instead of {pauses:?}", begun.elapsed());
        assert_eq!(counted.attempts, 5);
    }

    /// This thread makes the calls, so when it is held up, an answer is read after its client has given up.
    #[tokio::test]
    async fn an_answer_that_is_read_too_late_is_not_good() {
        let server = server("200ms");
        let timeout = Duration::from_millis(400);
        let calling = clients(&server, StormWay::NoRetries, (1, timeout));
        let stats = server.stats.clone();
        tokio::spawn(async move {
            while stats.snapshot().calls_in_flight() == 0 {
                tokio::task::yield_now().await;
            }
            std::thread::sleep(timeout);
        });
        let (counted, _) = counted(&calling, 1).await;
        assert_eq!(counted, Slot { attempts: 1, timed_out: 1, ..Slot::default() });
    }
}
