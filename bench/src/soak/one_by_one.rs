//! Calls that the load engine does not make: cancelled calls, and calls of many messages.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use longsync::duration::{from_proto, to_proto};
use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use longsync::v1::{
    LongSyncCollectRequest, LongSyncCollectResponse, LongSyncExchangeRequest,
    LongSyncExchangeResponse, LongSyncRequest, LongSyncStreamRequest, LongSyncStreamResponse,
    Timing,
};
use longsync_connect::answer::{ANSWER_BYTES, AnswerLimits, ExpectedMessages, PAGE_BYTES};
use longsync_connect::rpc::{self, Outgoing, RetryLog, Rpc};
use longsync_connect::{Code, ConnectionPool, Stamps, Target};
use longsync_timer::{Clock, Timer};
use prost::Message;
use tokio::task::JoinSet;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::account::CallAccount;
use crate::peers::say;

/// How many messages a stream, a collect or an exchange has.
const COUNT: u32 = 3;

/// One call that has ended.
#[derive(Debug)]
pub(super) struct CallResult {
    account: CallAccount,
    trouble: Option<String>,
}

impl CallResult {
    fn well(account: CallAccount) -> Self {
        Self { account, trouble: None }
    }

    fn badly(account: CallAccount, why: &impl ToString) -> Self {
        Self { account, trouble: Some(why.to_string()) }
    }

    /// By its caller, after it was sent or possibly before.
    fn cancelled(is_sent: bool) -> Self {
        Self::well(if is_sent { CallAccount::of_call(None) } else { CallAccount::default() })
    }
}

/// Makes calls at equal distances, each on its own task. Logs the reason of the first that ends badly.
pub(super) async fn one_by_one<PendingCall>(
    name: &str,
    timer: &Timer,
    rate: NonZeroU64,
    time: Duration,
    call: impl Fn(u64) -> PendingCall,
) -> anyhow::Result<CallAccount>
where
    PendingCall: Future<Output = CallResult> + Send + 'static,
{
    let gap = Duration::from_secs(1) / u32::try_from(rate.get())?;
    let (start, mut due) = (timer.now(), Duration::ZERO);
    let mut calls = JoinSet::new();
    let (mut sum, mut has_said) = (CallAccount::default(), false);
    let mut count = |CallResult { account, trouble }| {
        sum += account;
        if let Some(why) = trouble.filter(|_| !has_said) {
            say(&format!("{name}: {why}"));
            has_said = true;
        }
    };
    for number in 0.. {
        if due >= time {
            break;
        }
        timer.sleep_until(start + due).await;
        calls.spawn(call(number));
        due += gap;
        while let Some(ended) = calls.try_join_next() {
            count(ended?);
        }
    }
    while let Some(ended) = calls.join_next().await {
        count(ended?);
    }
    Ok(sum)
}

/// Makes a unary call on a shared connection, and cancels it when `after` has passed.
pub(super) async fn cancelled(
    connections: Arc<ConnectionPool>,
    delay: Duration,
    after: Duration,
) -> CallResult {
    let permit = match connections.permit().await {
        Ok(permit) => permit,
        Err(why) => return CallResult::badly(CallAccount::of_unsent(), &why),
    };
    let stamps = permit.stamps();
    let mut client = LongSyncServiceClient::with_origin(permit, connections.target().origin());
    let request = LongSyncRequest { delay: Some(to_proto(delay)), ..LongSyncRequest::default() };
    tokio::select! {
        answered = client.long_sync(request) => match answered {
            Ok(answer) => CallResult::well(CallAccount {
                early: is_early(answer.get_ref().timing.as_ref()).into(),
                ..CallAccount::of_call(Some(Code::Ok))
            }),
            Err(status) => CallResult::badly(CallAccount::of_call(Some(status.code())), &status),
        },
        _ = connections.timer().sleep(after) => CallResult::cancelled(stamps.sent().is_some()),
    }
}

/// Makes a call of the kind whose turn it is, on its own connection, and may cancel it when `after` has
/// passed.
pub(super) async fn stream(
    target: Target,
    number: u64,
    delay: Duration,
    after: Option<Duration>,
) -> CallResult {
    let connections = ConnectionPool::new(target, Timer::new(Clock::Monotonic));
    let stamps = Stamps::default();
    let ending = async {
        match after {
            Some(after) => drop(connections.timer().sleep(after).await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = call_in_turn(&connections, &stamps, number, delay) => ended,
        () = ending => CallResult::cancelled(stamps.sent().is_some()),
    }
}

async fn call_in_turn(
    connections: &ConnectionPool,
    stamps: &Stamps,
    number: u64,
    delay: Duration,
) -> CallResult {
    let (delay, ids) = (Some(to_proto(delay)), 0..u64::from(COUNT));
    let payload = || vec![0x5a; 256].into();
    let several = ExpectedMessages::Several(COUNT.into());
    let call = PendingCall { connections, stamps };
    match number % 3 {
        0 => {
            let request = LongSyncStreamRequest {
                delay,
                count: Some(COUNT),
                payload: payload(),
                echo_payload: true,
                ..LongSyncStreamRequest::default()
            };
            let body = || rpc::whole(&request);
            let timing = |answer: LongSyncStreamResponse| answer.timing;
            call.make("LongSyncStream", several, body, timing).await
        }
        1 => {
            let request = LongSyncCollectRequest {
                delay,
                payload: payload(),
                echo_payload: true,
                ..LongSyncCollectRequest::default()
            };
            let body = || {
                let request = request.clone();
                rpc::open(
                    ids.clone().map(move |id| LongSyncCollectRequest { id, ..request.clone() }),
                )
            };
            let timing = |answer: LongSyncCollectResponse| answer.timing;
            call.make("LongSyncCollect", ExpectedMessages::One, body, timing).await
        }
        _ => {
            let request = LongSyncExchangeRequest {
                delay,
                payload: payload(),
                echo_payload: true,
                ..LongSyncExchangeRequest::default()
            };
            let body = || {
                let request = request.clone();
                rpc::open(
                    ids.clone().map(move |id| LongSyncExchangeRequest { id, ..request.clone() }),
                )
            };
            let timing = |answer: LongSyncExchangeResponse| answer.timing;
            call.make("LongSyncExchange", several, body, timing).await
        }
    }
}

/// A call that has yet to be made.
struct PendingCall<'a> {
    connections: &'a ConnectionPool,
    stamps: &'a Stamps,
}

impl PendingCall<'_> {
    /// Makes it, and returns how it ended; `timing` extracts the server's timing from an answer.
    async fn make<M: Message + Default>(
        &self,
        name: &str,
        expected: ExpectedMessages,
        body: impl Fn() -> Outgoing,
        timing: impl Fn(M) -> Option<Timing>,
    ) -> CallResult {
        let permit = match self.connections.permit().await {
            Ok(permit) => permit,
            Err(why) => return CallResult::badly(CallAccount::of_unsent(), &why),
        };
        let (connections, stamps, retried) = (self.connections, self.stamps, RetryLog::default());
        let limits = AnswerLimits { message_bytes: ANSWER_BYTES, expected, page_bytes: PAGE_BYTES };
        let rpc = Rpc { connections, stamps, retried: &retried, limits };
        let origin = connections.target().origin();
        let head = rpc::head(origin, rpc::path(name), &MetadataMap::new(), None);
        let answered: Result<bool, Status> = async {
            let mut answers = rpc.begin(permit, || (head.clone(), body())).await?;
            let mut has_early = false;
            while let Some(answer) = answers.next::<M>().await? {
                has_early |= is_early(timing(answer).as_ref());
            }
            Ok(has_early)
        }
        .await;
        match answered {
            Ok(has_early) => CallResult::well(CallAccount {
                early: has_early.into(),
                ..CallAccount::of_call(Some(Code::Ok))
            }),
            Err(status) => CallResult::badly(CallAccount::of_call(Some(status.code())), &status),
        }
    }
}

/// Whether the server waited for less than it had planned.
fn is_early(timing: Option<&Timing>) -> bool {
    let duration = |part: Option<&prost_types::Duration>| from_proto(part?).ok();
    timing
        .is_some_and(|timing| duration(timing.waited.as_ref()) < duration(timing.planned.as_ref()))
}
