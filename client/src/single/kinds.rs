//! The four kinds of call.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use longsync::duration::to_proto;
use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use longsync::v1::{
    LongSyncCollectRequest, LongSyncExchangeRequest, LongSyncRequest, LongSyncStreamRequest,
};
use longsync_timer::Timer;
use tokio_stream::StreamExt as _;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use crate::body::Stamps;
use crate::connection::Credit;
use crate::single::outcome::Answer;
use crate::single::plan::{Kind, SinglePlan};

/// Makes the call, which may take as long as is `left` to it, and keeps its answers as they come.
pub(super) async fn call(
    plan: &SinglePlan,
    left: Option<Duration>,
    credit: Credit,
    timer: &Timer,
    answers: &mut Vec<Answer>,
    mut on_answer: impl FnMut(&Answer),
) -> Result<(), Status> {
    let (stamps, clock) = (credit.stamps(), CallClock(timer.clone()));
    let client = LongSyncServiceClient::with_origin(credit, plan.target.origin())
        .max_decoding_message_size(usize::MAX);
    let keep = |answer: Answer| {
        on_answer(&answer);
        answers.push(answer);
    };
    let head = Head { metadata: &plan.metadata, left };
    match plan.kind {
        Kind::Unary => unary(plan, head, client, &clock, &stamps, keep).await,
        Kind::Stream => stream(plan, head, client, &clock, &stamps, keep).await,
        Kind::Collect => collect(plan, head, client, &clock, &stamps, keep).await,
        Kind::Exchange => exchange(plan, head, client, &clock, keep).await,
    }
}

/// When a call's parts were sent and done.
#[derive(Debug, Clone)]
struct CallClock(Timer);

impl CallClock {
    fn since(&self, sent: Option<Instant>) -> Duration {
        sent.map_or(Duration::ZERO, |sent| self.0.now().saturating_duration_since(sent))
    }
}

type Client = LongSyncServiceClient<Credit>;

/// The four requests have these fields in common.
macro_rules! request {
    ($plan:ident, $message:ident { $($field:ident: $value:expr),* }) => {
        $message {
            delay: $plan.delay.map(to_proto),
            behavior: $plan.behavior.clone(),
            payload: $plan.payload.clone(),
            echo_payload: $plan.echo_payload,
            response_bytes: $plan.response_bytes,
            call_id: $plan.call_id.clone(),
            $($field: $value),*
        }
    };
}

async fn unary(
    plan: &SinglePlan,
    head: Head<'_>,
    mut client: Client,
    clock: &CallClock,
    stamps: &Stamps,
    mut keep: impl FnMut(Answer),
) -> Result<(), Status> {
    let request = request!(plan, LongSyncRequest {});
    let answer = client.long_sync(head.of(request)).await?.into_inner();
    keep(Answer {
        message: answer.message,
        timing: answer.timing,
        payload: answer.payload,
        service_time: until_done(stamps, clock),
        is_comparable: true,
        ..Answer::default()
    });
    Ok(())
}

async fn stream(
    plan: &SinglePlan,
    head: Head<'_>,
    mut client: Client,
    clock: &CallClock,
    stamps: &Stamps,
    mut keep: impl FnMut(Answer),
) -> Result<(), Status> {
    let request = request!(plan, LongSyncStreamRequest { count: plan.count });
    let mut answers = client.long_sync_stream(head.of(request)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        keep(Answer {
            message: answer.message,
            timing: answer.timing,
            payload: answer.payload,
            number: Some(answer.index.into()),
            service_time: clock.since(stamps.sent()),
            is_comparable: answer.index == 0,
            ..Answer::default()
        });
    }
    Ok(())
}

async fn collect(
    plan: &SinglePlan,
    head: Head<'_>,
    mut client: Client,
    clock: &CallClock,
    stamps: &Stamps,
    mut keep: impl FnMut(Answer),
) -> Result<(), Status> {
    let requests = {
        let plan = plan.clone();
        let ids = 0..u64::from(plan.count.unwrap_or(1));
        tokio_stream::iter(ids).map(move |id| request!(plan, LongSyncCollectRequest { id: id }))
    };
    let answer = client.long_sync_collect(head.of(requests)).await?.into_inner();
    keep(Answer {
        message: answer.message,
        timing: answer.timing,
        payload: answer.payload,
        count: Some(answer.count),
        service_time: until_done(stamps, clock),
        is_comparable: true,
        ..Answer::default()
    });
    Ok(())
}

async fn exchange(
    plan: &SinglePlan,
    head: Head<'_>,
    mut client: Client,
    clock: &CallClock,
    mut keep: impl FnMut(Answer),
) -> Result<(), Status> {
    // When each request was taken by HTTP/2, which asks for one only when it has window to send it.
    let sent: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let requests = {
        let (plan, clock, sent) = (plan.clone(), clock.clone(), Arc::clone(&sent));
        let ids = 0..u64::from(plan.count.unwrap_or(1));
        tokio_stream::iter(ids).map(move |id| {
            sent.lock().unwrap_or_else(PoisonError::into_inner).push(clock.0.now());
            request!(plan, LongSyncExchangeRequest { id: id })
        })
    };
    let mut answers = client.long_sync_exchange(head.of(requests)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        let index = usize::try_from(answer.id).unwrap_or(usize::MAX);
        let sent = sent.lock().unwrap_or_else(PoisonError::into_inner).get(index).copied();
        keep(Answer {
            message: answer.message,
            timing: answer.timing,
            payload: answer.payload,
            number: Some(answer.id),
            is_comparable: answer.failure.is_none(),
            failure: answer.failure,
            service_time: clock.since(sent),
            ..Answer::default()
        });
    }
    Ok(())
}

/// What goes into the headers of a request.
struct Head<'plan> {
    metadata: &'plan MetadataMap,
    left: Option<Duration>,
}

impl Head<'_> {
    fn of<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        if let Some(left) = self.left {
            request.set_timeout(left);
        }
        request
    }
}

fn until_done(stamps: &Stamps, clock: &CallClock) -> Duration {
    match (stamps.sent(), stamps.done()) {
        (Some(sent), Some(done)) => done.saturating_duration_since(sent),
        (sent, _) => clock.since(sent),
    }
}
