//! Calls that the load engine does not make: those that are cancelled, and those of many messages.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use longsync::duration::{from_proto, to_proto};
use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use longsync::v1::{LongSyncRequest, Timing};
use longsync_client::single::{self, Kind, SinglePlan};
use longsync_client::{Code, Connections, Target};
use longsync_timer::{Clock, Timer};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::account::Account;
use crate::peers::say;

/// How many messages a stream, a collect or an exchange has.
const COUNT: u32 = 3;

/// One call that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    account: Account,
    trouble: Option<String>,
}

impl Ended {
    fn well(account: Account) -> Self {
        Self { account, trouble: None }
    }

    fn badly(account: Account, why: &impl ToString) -> Self {
        Self { account, trouble: Some(why.to_string()) }
    }

    /// By its caller, after it was sent or perhaps before.
    fn cancelled(is_sent: bool) -> Self {
        Self::well(if is_sent { Account::of_call(None) } else { Account::default() })
    }
}

/// Makes calls at equal distances, each on a task of its own. Of those that end badly, it is said of
/// the first why.
pub(super) async fn one_by_one<Call>(
    name: &str,
    timer: &Timer,
    rate: NonZeroU64,
    time: Duration,
    call: impl Fn(u64) -> Call,
) -> anyhow::Result<Account>
where
    Call: Future<Output = Ended> + Send + 'static,
{
    let gap = Duration::from_secs(1) / u32::try_from(rate.get())?;
    let (start, mut due) = (timer.now(), Duration::ZERO);
    let mut calls = JoinSet::new();
    let (mut sum, mut has_said) = (Account::default(), false);
    let mut count = |Ended { account, trouble }| {
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

/// Makes a unary call on a connection that others share, and resets it `after` a while.
pub(super) async fn cancelled(
    connections: Arc<Connections>,
    delay: Duration,
    after: Duration,
) -> Ended {
    let credit = match connections.credit().await {
        Ok(credit) => credit,
        Err(why) => return Ended::badly(Account::of_unsent(), &why),
    };
    let stamps = credit.stamps();
    let mut client = LongSyncServiceClient::with_origin(credit, connections.target().origin());
    let request = LongSyncRequest { delay: Some(to_proto(delay)), ..LongSyncRequest::default() };
    tokio::select! {
        answered = client.long_sync(request) => match answered {
            Ok(answer) => Ended::well(Account {
                early: is_early(answer.get_ref().timing.as_ref()).into(),
                ..Account::of_call(Some(Code::Ok))
            }),
            Err(status) => Ended::badly(Account::of_call(Some(status.code())), &status),
        },
        _ = connections.timer().sleep(after) => Ended::cancelled(stamps.sent().is_some()),
    }
}

/// Makes a call of the kind whose turn it is, on a connection of its own, and may end it `after` a
/// while.
pub(super) async fn stream(
    target: Target,
    number: u64,
    delay: Duration,
    after: Option<Duration>,
) -> Ended {
    let kind = match number % 3 {
        0 => Kind::Stream,
        1 => Kind::Collect,
        _ => Kind::Exchange,
    };
    let plan = SinglePlan {
        delay: Some(delay),
        count: Some(COUNT),
        payload: vec![0x5a; 256].into(),
        echo_payload: true,
        ..SinglePlan::new(kind, target)
    };
    let (end, timer) = (CancellationToken::new(), Timer::new(Clock::Monotonic));
    let ending = async {
        if let Some(after) = after {
            timer.sleep(after).await;
            end.cancel();
        }
    };
    let (called, ()) = tokio::join!(single::call(&plan, &end, async |_| {}), ending);
    let single = match called {
        Ok(single) => single,
        Err(why) => return Ended::badly(Account::of_unsent(), &why),
    };
    let is_early = single.answers.iter().any(|answer| is_early(answer.timing.as_ref()));
    match single.status {
        None => Ended::cancelled(single.service_time.is_some()),
        Some(status) if status.code() == Code::Ok => {
            Ended::well(Account { early: is_early.into(), ..Account::of_call(Some(Code::Ok)) })
        }
        Some(status) => Ended::badly(Account::of_call(Some(status.code())), &status),
    }
}

/// Whether the server waited for less than it had planned.
fn is_early(timing: Option<&Timing>) -> bool {
    let duration = |part: Option<&prost_types::Duration>| from_proto(part?).ok();
    timing
        .is_some_and(|timing| duration(timing.waited.as_ref()) < duration(timing.planned.as_ref()))
}
