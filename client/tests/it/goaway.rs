//! Calls that a server reports as never processed, and servers that take no calls.

use std::sync::Arc;
use std::time::Duration;

use longsync::v1::LongSyncExchangeResponse;
use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use longsync_client::race::{self, Race, RacePlanBuilder, Way};
use longsync_client::single::{
    RpcKind, Single, SinglePlan, SinglePlanBuilder, call, to_json, to_text,
};
use longsync_connect::answer::{AnswerLimits, ExpectedMessages};
use longsync_connect::rpc::{self, RetryLog, Rpc};
use longsync_connect::{Code, ConnectError, ConnectionPool, Stamps};
use longsync_timer::{Clock, Timer};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;

use crate::harness::{loaded, race_plan};
use crate::peer::{DATA, Peer, answer, done, frame, goaway, head, message, reset};

const MAX_CONCURRENT_STREAMS: u16 = 3;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

/// How a server refuses calls after it has answered the first stream.
#[derive(Debug, Clone, Copy)]
enum Refusing {
    Goaway,
    Reset,
}

/// On the first connection it waits for this many requests, answers the first, and refuses the others
/// unprocessed. On other connections it answers.
async fn refusing(how: Refusing, requests: usize) -> Peer {
    Peer::start(move |mut wire, number| async move {
        wire.settings(&[]).await?;
        if number == 0 {
            let Some(streams) = wire.requests(requests).await? else { return Ok(()) };
            wire.send(&answer(streams[0], &done())).await?;
            match how {
                Refusing::Goaway => wire.send(&goaway(streams[0], 0, b"")).await?,
                Refusing::Reset => {
                    for stream in &streams[1..] {
                        wire.send(&reset(*stream, REFUSED_STREAM)).await?;
                    }
                }
            }
        }
        while let Some(stream) = wire.request().await? {
            wire.send(&answer(stream, &done())).await?;
        }
        Ok(())
    })
    .await
}

async fn raced(plan: &RacePlanBuilder) -> Race {
    race::run(
        &plan.clone().build().unwrap(),
        &CancellationToken::new(),
        &race::RaceProgress::default(),
    )
    .await
    .unwrap()
}

async fn called(plan: &SinglePlanBuilder) -> Result<Single, ConnectError> {
    call(&plan.clone().build().unwrap(), &CancellationToken::new(), async |_| {}).await
}

#[tokio::test]
async fn calls_refused_unprocessed_are_retried_on_another_connection() {
    for (how, refusal) in
        [(Refusing::Goaway, "GOAWAY NO_ERROR"), (Refusing::Reset, "RST_STREAM REFUSED_STREAM")]
    {
        for way in [Way::Tasks, Way::Threads] {
            let peer = refusing(how, 3).await;
            let race = raced(&race_plan(Some(&peer.target), 3, &[way])).await;
            let run = &race.runs[0];
            assert_eq!((run.answered(), run.retried), (3, 2), "{how:?} {way}: {:?}", run.rows);
            assert_eq!((run.connections, peer.accepted()), (2, 2));
            assert_eq!(run.refusal.as_deref(), Some(refusal));
            let text = race::to_text(&race, 200);
            let note = format!("2 calls were refused before the server processed them ({refusal})");
            assert!(text.contains(&note), "{text}");
        }
    }
}

#[tokio::test]
async fn a_call_covered_by_a_goaway_is_waited_for_and_not_retried() {
    for way in [Way::Tasks, Way::Threads] {
        let refused_came = Arc::new(Notify::new());
        let peer = Peer::start(move |mut wire, number| {
            let refused_came = Arc::clone(&refused_came);
            async move {
                wire.settings(&[]).await?;
                if number == 0 {
                    let Some(streams) = wire.requests(3).await? else { return Ok(()) };
                    wire.send(&goaway(streams[1], 0, b"")).await?;
                    wire.send(&answer(streams[1], &done())).await?;
                    // The client has read the GOAWAY, and another connection is open.
                    refused_came.notified().await;
                    wire.send(&answer(streams[0], &done())).await?;
                }
                while let Some(stream) = wire.request().await? {
                    wire.send(&answer(stream, &done())).await?;
                    refused_came.notify_one();
                }
                Ok(())
            }
        })
        .await;
        let race = raced(&race_plan(Some(&peer.target), 3, &[way])).await;
        let run = &race.runs[0];
        assert_eq!((run.answered(), run.retried), (3, 1), "{way}: {:?}", run.rows);
        assert_eq!((run.connections, peer.accepted()), (2, 2));
    }
}

#[tokio::test]
async fn an_exchange_refused_unprocessed_is_retried_and_keeps_its_sent_times() {
    let peer = Peer::start(|mut wire, number| async move {
        wire.settings(&[]).await?;
        let Some(stream) = wire.request().await? else { return Ok(()) };
        if number == 0 {
            // Long enough to tell the first sending from the second.
            tokio::time::sleep(Duration::from_millis(50)).await;
            wire.send(&goaway(0, 0, b"")).await?;
            return wire.hold().await;
        }
        let data: Vec<u8> = (0..3)
            .flat_map(|id| message(&LongSyncExchangeResponse { id, ..Default::default() }))
            .collect();
        wire.send(&answer(stream, &data)).await?;
        wire.hold().await
    })
    .await;
    let race = raced(&race_plan(Some(&peer.target), 3, &[Way::Exchange])).await;
    let run = &race.runs[0];
    assert_eq!((run.answered(), run.retried), (3, 1), "{:?}", run.rows);
    for row in &run.rows {
        assert!(row.done().unwrap() >= row.sent.unwrap() + Duration::from_millis(50), "{row:?}");
    }
}

#[tokio::test]
async fn a_call_is_retried_once_and_the_report_says_so() {
    for kind in [RpcKind::Unary, RpcKind::Stream, RpcKind::Collect, RpcKind::Exchange] {
        let peer = Peer::start(|mut wire, number| async move {
            wire.settings(&[]).await?;
            while let Some(stream) = wire.request().await? {
                wire.send(&if number == 0 {
                    reset(stream, REFUSED_STREAM)
                } else {
                    answer(stream, &done())
                })
                .await?;
            }
            Ok(())
        })
        .await;
        let single = called(&SinglePlan::builder(kind, peer.target.clone())).await.unwrap();
        assert_eq!(single.code(), Some(Code::Ok), "{kind}: {:?}", single.status);
        assert_eq!((single.answers.len(), peer.accepted()), (1, 2));
        let note = "refused before the server processed it (RST_STREAM REFUSED_STREAM)";
        assert!(to_text(&single, 400).contains(note));
        let json: serde_json::Value = serde_json::from_str(&to_json(&single).unwrap()).unwrap();
        assert_eq!(json["refused"], "RST_STREAM REFUSED_STREAM");
    }
}

/// A server that refuses the first call unprocessed and then is not there any more.
async fn refusing_and_gone() -> Peer {
    Peer::once(|mut wire| async move {
        wire.settings(&[]).await?;
        wire.request().await?;
        wire.send(&goaway(0, 0, b"bye")).await?;
        wire.hold().await
    })
    .await
}

#[tokio::test]
async fn a_call_that_could_not_be_retried_is_not_reported_as_retried() {
    let words = [
        "did not process the call: GOAWAY NO_ERROR, `bye`",
        "no other connection could be opened: cannot reach",
        "connection refused",
    ];
    for kind in [RpcKind::Unary, RpcKind::Stream, RpcKind::Collect, RpcKind::Exchange] {
        let peer = refusing_and_gone().await;
        let single = called(&SinglePlan::builder(kind, peer.target.clone())).await.unwrap();
        let status = single.status.as_ref().unwrap();
        assert_eq!((status.code(), &single.refusal), (Code::Unavailable, &None));
        assert!(words.iter().all(|words| status.message().contains(words)), "{status}");
        assert!(!to_text(&single, 400).contains("sent again"));
    }
    for way in [Way::Sequential, Way::Threads, Way::Tasks, Way::Exchange] {
        let peer = refusing_and_gone().await;
        let race = raced(&race_plan(Some(&peer.target), 1, &[way])).await;
        let run = &race.runs[0];
        assert_eq!((run.failed(), run.retried, &run.refusal), (1, 0, &None), "{way}");
        let json = race::to_json(&race).unwrap();
        assert!(words.iter().all(|words| json.contains(words)), "{json}");
        assert!(!json.contains("sent again"), "{json}");
    }
}

#[tokio::test]
async fn a_deadline_that_passes_before_a_retry_names_the_refusal() {
    let peer = Peer::start(|mut wire, number| async move {
        if number == 0 {
            wire.settings(&[]).await?;
            let Some(stream) = wire.request().await? else { return Ok(()) };
            wire.send(&reset(stream, REFUSED_STREAM)).await?;
        }
        wire.hold().await
    })
    .await;
    let deadline = Duration::from_millis(100);
    let plan = SinglePlan::builder(RpcKind::Unary, peer.target.clone()).deadline(deadline);
    let single = called(&plan).await.unwrap();
    let status = single.status.unwrap();
    assert_eq!((status.code(), single.refusal), (Code::DeadlineExceeded, None));
    assert!(status.message().contains("(RST_STREAM REFUSED_STREAM)"), "{status}");
}

#[tokio::test]
async fn a_request_that_http2_cannot_carry_is_not_retried() {
    let peer = Peer::answering(|stream| answer(stream, &done())).await;
    let connections = ConnectionPool::new(peer.target.clone(), Timer::new(Clock::Monotonic));
    let origin = || connections.target().origin();
    // Calls before and after it on the connection are unaffected.
    for header in [None, Some("connection"), Some("upgrade"), Some("keep-alive"), None] {
        let mut request = tonic::Request::new(longsync::v1::LongSyncRequest::default());
        let mut metadata = MetadataMap::new();
        if let Some(name) = header {
            metadata.insert(name, "close".parse().unwrap());
        }
        *request.metadata_mut() = metadata.clone();
        let permit = connections.permit().await.unwrap();
        let answered =
            LongSyncServiceClient::with_origin(permit, origin()).long_sync(request).await;
        assert_eq!(answered.is_ok(), header.is_none(), "{answered:?}");

        let (stamps, retried) = (Stamps::default(), RetryLog::default());
        let limits =
            AnswerLimits { message_bytes: 1_000, expected: ExpectedMessages::One, page_bytes: 0 };
        let rpc = Rpc { connections: &connections, stamps: &stamps, retried: &retried, limits };
        let request = || {
            let head = rpc::head(origin(), rpc::path("LongSync"), &metadata, None);
            (head, rpc::whole(&longsync::v1::LongSyncRequest::default()))
        };
        let begun = rpc.begin(connections.permit().await.unwrap(), request).await;
        let code = begun.err().map(|status| status.code());
        assert_eq!(code, header.map(|_| Code::Internal));
    }
    assert_eq!(connections.opened(), 1);
}

#[tokio::test]
async fn a_second_refusal_ends_the_call_with_the_code_of_its_goaway() {
    let peer = Peer::start(|mut wire, _| async move {
        wire.settings(&[]).await?;
        wire.request().await?;
        wire.send(&goaway(0, ENHANCE_YOUR_CALM, b"too_many_pings\x1b")).await?;
        wire.hold().await
    })
    .await;
    let single = called(&SinglePlan::builder(RpcKind::Unary, peer.target.clone())).await.unwrap();
    let status = single.status.unwrap();
    assert_eq!((status.code(), peer.accepted()), (Code::Unavailable, 2));
    assert!(status.message().contains("GOAWAY ENHANCE_YOUR_CALM, `too_many_pings"), "{status}");
    assert!(!status.message().contains('\x1b'));
}

#[tokio::test]
async fn a_call_whose_answer_had_begun_is_not_retried() {
    for refusal in [goaway(0, 0, b""), reset(1, REFUSED_STREAM)] {
        let peer = Peer::start(move |mut wire, _| {
            let refusal = refusal.clone();
            async move {
                wire.settings(&[]).await?;
                let Some(stream) = wire.request().await? else { return Ok(()) };
                let begun = [head(stream), frame(DATA, 0, stream, &done()[..3])].concat();
                wire.send(&[begun, refusal].concat()).await?;
                wire.hold().await
            }
        })
        .await;
        let single =
            called(&SinglePlan::builder(RpcKind::Unary, peer.target.clone())).await.unwrap();
        assert_eq!((single.code(), peer.accepted()), (Some(Code::Unavailable), 1));
        assert_eq!(single.refusal, None);
    }
}

#[tokio::test]
async fn a_lost_connection_is_not_a_refusal() {
    let peer = Peer::start(|mut wire, _| async move {
        wire.settings(&[]).await?;
        wire.request().await.map(drop)
    })
    .await;
    let single = called(&SinglePlan::builder(RpcKind::Unary, peer.target.clone())).await.unwrap();
    assert_eq!((single.code(), peer.accepted()), (Some(Code::Unavailable), 1));
    let said = single.status.unwrap().message().to_owned();
    assert!(said.contains("closed the connection before the call had ended"), "{said}");
}

#[tokio::test]
async fn a_connection_closed_after_a_goaway_is_reported_with_its_code() {
    for begins in [false, true] {
        let peer = Peer::start(move |mut wire, _| async move {
            wire.settings(&[]).await?;
            let Some(stream) = wire.request().await? else { return Ok(()) };
            if begins {
                wire.send(&head(stream)).await?;
            }
            // The GOAWAY covers the call, so the server may have processed it.
            wire.send(&goaway(stream, ENHANCE_YOUR_CALM, b"too_many_pings")).await
        })
        .await;
        let single =
            called(&SinglePlan::builder(RpcKind::Unary, peer.target.clone())).await.unwrap();
        assert_eq!((single.code(), peer.accepted()), (Some(Code::Unavailable), 1));
        let said = single.status.unwrap().message().to_owned();
        assert!(said.ends_with("after GOAWAY ENHANCE_YOUR_CALM, `too_many_pings`"), "{said}");
    }
}

#[tokio::test]
async fn a_load_counts_refused_calls() {
    for how in [Refusing::Goaway, Refusing::Reset] {
        let peer = refusing(how, 3).await;
        let figures = loaded(&peer.target, 3).await.figures;
        assert_eq!(
            (figures.counts.ended_with(Code::Ok), figures.counts.refused()),
            (1, 2),
            "{how:?}"
        );
        assert_eq!(figures.counts.ended_with(Code::Unavailable), 2);
    }
}

#[tokio::test]
async fn a_server_that_sends_goaway_before_any_call_is_tried_once_more() {
    let peer = Peer::start(|mut wire, number| async move {
        if number == 0 {
            // In one write: a call that went out between the two would be covered by the GOAWAY.
            let at_once =
                [&crate::peer::settings_frame(&[])[..], &goaway(0x7fff_ffff, 0, b"")].concat();
            wire.send(&at_once).await?;
            return wire.hold().await;
        }
        wire.settings(&[]).await?;
        while let Some(stream) = wire.request().await? {
            wire.send(&answer(stream, &done())).await?;
        }
        Ok(())
    })
    .await;
    let single = called(&SinglePlan::builder(RpcKind::Unary, peer.target.clone())).await.unwrap();
    assert_eq!((single.code(), peer.accepted()), (Some(Code::Ok), 2), "{:?}", single.status);
}

#[tokio::test]
async fn a_server_that_takes_no_calls_is_reported_with_the_reason() {
    let gone = Peer::start(|mut wire, _| async move {
        let at_once = [&crate::peer::settings_frame(&[])[..], &goaway(0, 2, b"")].concat();
        wire.send(&at_once).await?;
        wire.hold().await
    })
    .await;
    let why = called(&SinglePlan::builder(RpcKind::Unary, gone.target.clone())).await.unwrap_err();
    assert!(why.to_string().contains("GOAWAY INTERNAL_ERROR arrived before any call"), "{why}");
    let unasked = Peer::start(|mut wire, _| async move {
        let unasked = [&crate::peer::settings_frame(&[])[..], &answer(1, &done())].concat();
        wire.send(&unasked).await?;
        wire.hold().await
    })
    .await;
    let why =
        called(&SinglePlan::builder(RpcKind::Unary, unasked.target.clone())).await.unwrap_err();
    assert!(why.to_string().contains("broke the rules of HTTP/2: PROTOCOL_ERROR"), "{why}");
}

/// A server that allows no streams at first, and later the given number.
async fn holding_back(then: Option<u32>) -> Peer {
    Peer::start(move |mut wire, _| async move {
        wire.settings(&[(MAX_CONCURRENT_STREAMS, 0)]).await?;
        // The client's settings, and its acknowledgement of ours.
        wire.frame().await?;
        if let Some(streams) = then {
            tokio::time::sleep(Duration::from_millis(50)).await;
            wire.settings(&[(MAX_CONCURRENT_STREAMS, streams)]).await?;
        }
        while let Some(stream) = wire.request().await? {
            wire.send(&answer(stream, &done())).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_server_that_allows_no_calls_yet_is_waited_for() {
    let peer = holding_back(Some(10)).await;
    let plan = SinglePlan::builder(RpcKind::Unary, peer.target.clone());
    for plan in [plan.clone(), plan.deadline(Duration::from_secs(10))] {
        assert_eq!(called(&plan).await.unwrap().code(), Some(Code::Ok));
    }
    let race = raced(&race_plan(Some(&peer.target), 3, &[Way::Tasks])).await;
    assert_eq!(race.runs[0].answered(), 3);
    assert_eq!(loaded(&peer.target, 3).await.figures.counts.ended_with(Code::Ok), 3);
}

#[tokio::test]
async fn a_server_that_never_allows_calls_is_waited_for_until_the_deadline() {
    let peer = holding_back(None).await;
    let deadline = Duration::from_millis(100);
    let plan = SinglePlan::builder(RpcKind::Unary, peer.target.clone()).deadline(deadline);
    let status = called(&plan).await.unwrap().status.unwrap();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.message().contains("MAX_CONCURRENT_STREAMS is 0"), "{status}");
}

#[tokio::test]
async fn a_server_that_never_allows_calls_is_waited_for_ten_seconds_without_a_deadline() {
    let peer = holding_back(None).await;
    let connections = ConnectionPool::new(peer.target.clone(), Timer::new(Clock::Tokio));
    let why = not_connected(&connections, || connections.opened() == 1).await;
    assert!(why.contains("it has allowed no calls for 10 s"), "{why}");
}

#[tokio::test]
async fn a_silent_server_is_waited_for_ten_seconds() {
    let peer = Peer::start(|mut wire, _| async move { wire.hold().await }).await;
    let connections = ConnectionPool::new(peer.target.clone(), Timer::new(Clock::Tokio));
    let why = not_connected(&connections, || peer.accepted() == 1).await;
    let words = "timed out: nothing that an HTTP server would send arrived within 10 s";
    assert!(why.ends_with(words), "{why}");
}

/// The error after ten seconds without a connection. They pass at once when `has_begun`: the connection
/// is made in real time, and the wait is in paused time.
async fn not_connected(connections: &ConnectionPool, has_begun: impl FnMut() -> bool) -> String {
    let before = tokio::time::Instant::now();
    let pausing = async {
        crate::harness::eventually(has_begun).await;
        tokio::time::pause();
        std::future::pending::<()>().await;
    };
    let why = tokio::select! {
        permit = connections.permit() => permit.unwrap_err().to_string(),
        () = pausing => unreachable!("pausing never ends"),
    };
    assert!(before.elapsed() >= Duration::from_secs(10));
    why
}
