//! Single calls of all four kinds against a real server.

use std::time::Duration;

use bytes::Bytes;
use longsync_client::single::{
    ReceivedAnswer, RpcKind, Single, SinglePlan, SinglePlanBuilder, call,
};
use longsync_server::Limits;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::metadata::MetadataMap;

use crate::harness::{TestServer, eventually, start};

const KINDS: [RpcKind; 4] = [RpcKind::Unary, RpcKind::Stream, RpcKind::Collect, RpcKind::Exchange];

fn plan(server: &TestServer, kind: RpcKind) -> SinglePlanBuilder {
    SinglePlan::builder(kind, server.target.clone())
}

async fn made(plan: &SinglePlanBuilder) -> Single {
    let plan = plan.clone().build().unwrap();
    call(&plan, &CancellationToken::new(), async |_| {}).await.unwrap()
}

/// The payload of its answer, as the sink saw it on arrival.
async fn payload_of(plan: &SinglePlanBuilder) -> Bytes {
    let mut payload = Bytes::new();
    let show = async |answer: &ReceivedAnswer| payload = answer.payload.clone();
    let plan = plan.clone().build().unwrap();
    let single = call(&plan, &CancellationToken::new(), show).await.unwrap();
    assert_eq!(single.code(), Some(Code::Ok), "{:?}", single.status);
    payload
}

#[tokio::test]
async fn every_kind_is_answered_with_the_servers_timing() {
    let server = start(Limits::default());
    for kind in KINDS {
        let single = made(&plan(&server, kind)).await;
        assert_eq!(single.code(), Some(Code::Ok), "{kind}");
        assert_eq!(single.answers.len(), 1, "{kind}");
        let answer = &single.answers[0];
        assert_eq!(answer.message, "Done!");
        assert_eq!(answer.timing.as_ref().unwrap().behavior, "20ms", "{kind}");
        assert!(answer.service_time >= Duration::from_millis(20), "{kind}");
        assert!(answer.added_ns().unwrap() > -5_000_000, "{kind}");
    }
}

#[tokio::test]
async fn count_means_answers_of_a_stream_and_requests_of_the_others() {
    let server = start(Limits::default());
    for (kind, answers) in [(RpcKind::Stream, 3), (RpcKind::Collect, 1), (RpcKind::Exchange, 3)] {
        let single = made(&plan(&server, kind).count(3)).await;
        assert_eq!(single.answers.len(), answers, "{kind}");
        assert_eq!(single.answers[0].count, (kind == RpcKind::Collect).then_some(3), "{kind}");
    }
    let none = made(&plan(&server, RpcKind::Stream).count(0)).await;
    assert_eq!((none.code(), none.answers.len()), (Some(Code::Ok), 0));
}

#[tokio::test]
async fn payloads_are_returned_as_asked_for() {
    let server = start(Limits::default());
    let payload = Bytes::from(vec![7; 3 * 1024 * 1024]);
    for kind in KINDS {
        let echo = plan(&server, kind).payload(payload.clone()).echo_payload(true);
        assert!(payload_of(&echo).await == payload, "{kind}");
        let zeros = plan(&server, kind).response_bytes(4 * 1024 * 1024);
        assert_eq!(payload_of(&zeros).await.len(), 4 * 1024 * 1024, "{kind}");
        let kept = made(&zeros).await.answers.remove(0);
        assert_eq!((kept.payload.len(), kept.payload_bytes), (0, 4 * 1024 * 1024), "{kind}");
    }
}

#[tokio::test]
async fn a_deadline_that_passed_is_shown_with_the_servers_timing() {
    let server = start(Limits::default());
    for kind in KINDS {
        // On a busy machine, connecting alone may take a tenth of this.
        let deadline = Duration::from_millis(500);
        let short = plan(&server, kind).delay(Duration::from_secs(60)).deadline(deadline);
        let single = made(&short).await;
        assert_eq!(single.code(), Some(Code::DeadlineExceeded), "{kind}");
        let took = single.connect.unwrap() + single.service_time.unwrap();
        assert!(took >= deadline, "{kind}: {took:?}");
    }
}

#[tokio::test]
async fn a_refused_call_has_its_status_and_the_servers_timing() {
    let server = start(Limits::default());
    for kind in [RpcKind::Unary, RpcKind::Stream, RpcKind::Collect] {
        let wrong = plan(&server, kind).behavior("hung(1%)".to_owned());
        let single = made(&wrong).await;
        assert_eq!(single.code(), Some(Code::InvalidArgument), "{kind}");
        assert!(single.failure_timing().is_some(), "{kind}");
    }
    let wrong = plan(&server, RpcKind::Exchange).behavior("hung(1%)".to_owned());
    let single = made(&wrong).await;
    assert_eq!(single.code(), Some(Code::Ok));
    assert_eq!(single.answers[0].failure.as_ref().unwrap().code, Code::InvalidArgument as i32);
}

#[tokio::test]
async fn metadata_is_sent_with_the_request() {
    let server = start(Limits::default());
    let mut metadata = MetadataMap::new();
    metadata.insert("x-longsync-behavior", "1ms".parse().unwrap());
    metadata.insert("grpc-previous-rpc-attempts", "2".parse().unwrap());
    let single = made(&plan(&server, RpcKind::Unary).metadata(metadata)).await;
    let timing = single.answers[0].timing.clone().unwrap();
    assert_eq!((timing.behavior.as_str(), timing.attempt), ("1ms", 3));
}

#[tokio::test]
async fn an_interrupt_ends_the_call_and_keeps_its_answers() {
    let server = start(Limits::default());
    let interrupt = CancellationToken::new();
    let slow = plan(&server, RpcKind::Stream).delay(Duration::from_millis(100)).count(1_000);
    let slow = slow.build().unwrap();
    let single = call(&slow, &interrupt, async |_| interrupt.cancel()).await.unwrap();
    assert_eq!(single.code(), None);
    assert_eq!((single.received_answers(), single.expected_answers), (1, 1_000));
    eventually(|| server.stats.snapshot().calls_in_flight() == 0).await;
}

#[tokio::test]
async fn a_call_that_did_not_connect_has_no_time_to_connect() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
    let plan = SinglePlan::builder(RpcKind::Unary, target).deadline(Duration::from_millis(20));
    let single = made(&plan).await;
    assert_eq!(single.code(), Some(Code::DeadlineExceeded));
    assert_eq!((single.connect, single.service_time), (None, None));
}

/// Only the first message of a call may bring such a fault, and each message is asked for the same.
#[tokio::test]
async fn a_call_of_several_messages_may_have_faults_of_the_call() {
    let server = start(Limits::default());
    for kind in [RpcKind::Collect, RpcKind::Exchange] {
        let two = |behavior: &str| plan(&server, kind).count(2).behavior(behavior.to_owned());
        let late = made(&two("3ms; late_trailers(100%, 1ms)")).await;
        assert_eq!(late.code(), Some(Code::Ok), "{kind}: {:?}", late.status);
        let timings = late.answers.iter().map(|answer| answer.timing.as_ref().unwrap());
        let planned: i32 = timings.map(|timing| timing.planned.unwrap().nanos).sum();
        assert_eq!(planned, 6_000_000, "{kind}");
        let reset = made(&two("1ms; reset(100%, CANCEL)")).await;
        assert_eq!(reset.code(), Some(Code::Cancelled), "{kind}: {:?}", reset.status);
        let wrong = made(&two("1ms; drop(100%)")).await;
        let refused = wrong.failure_timing().is_some()
            || wrong.answers.iter().any(|answer| answer.failure.is_some());
        assert!(refused, "{kind}: {wrong:?}");
    }
    let failing = plan(&server, RpcKind::Collect).count(2).behavior("fail(100%, ABORTED)");
    assert_eq!(made(&failing).await.code(), Some(Code::Aborted));
}
