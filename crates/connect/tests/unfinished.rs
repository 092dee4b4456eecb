//! Incomplete answers share one budget per process, so this test runs in a process of its own.

#![expect(clippy::unwrap_used, reason = "in tests a failed step is a failed test")]

use bytes::Bytes;
use h2::SendStream;
use longsync::v1::{LongSyncRequest, LongSyncResponse};
use longsync_connect::answer::{ANSWER_BYTES, AnswerLimits, ExpectedMessages};
use longsync_connect::rpc::{self, RetryLog, Rpc};
use longsync_connect::{ConnectionPool, Stamps, Target, UNFINISHED_BYTES};
use longsync_timer::{Clock, Timer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use tonic::metadata::MetadataMap;
use tonic::{Code as TonicCode, Status};

/// As many answers as fit, and a quarter more.
const CALLS: usize = 80;
const FIT: usize = UNFINISHED_BYTES / ANSWER_BYTES;

/// A server that answers the first calls with a message of 4 MiB whose last byte is missing, and signals
/// that, and later calls with a complete message.
async fn server() -> (Target, mpsc::UnboundedReceiver<()>, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (sent, was_sent) = mpsc::unbounded_channel();
    let serving = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        let mut calls = 0;
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let is_whole = calls >= CALLS;
            calls += 1;
            let head = http::Response::builder().header("content-type", "application/grpc");
            let body = respond.send_response(head.body(()).unwrap(), false).unwrap();
            tokio::spawn(answer(body, is_whole, sent.clone()));
        }
    });
    (target, was_sent, AbortOnDropHandle::new(serving))
}

async fn answer(mut body: SendStream<Bytes>, is_whole: bool, sent: mpsc::UnboundedSender<()>) {
    let length = u32::try_from(ANSWER_BYTES).unwrap();
    let mut left = Bytes::from([&[0][..], &length.to_be_bytes(), &vec![0; ANSWER_BYTES]].concat());
    if is_whole {
        // As large as a message may be, so that it arrives in pieces and uses its part of the budget.
        let payload = vec![0; ANSWER_BYTES - 16].into();
        left = longsync::frame::encoded(&LongSyncResponse { payload, ..Default::default() });
    } else {
        left.truncate(left.len() - 1);
    }
    while !left.is_empty() {
        body.reserve_capacity(left.len());
        let capacity = std::future::poll_fn(|cx| body.poll_capacity(cx)).await;
        // The caller gave up on the call.
        let Some(Ok(capacity)) = capacity else { return };
        let chunk = left.split_to(capacity.min(left.len()));
        if body.send_data(chunk, false).is_err() {
            return;
        }
    }
    if is_whole {
        let trailers = [("grpc-status", "0")].map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        });
        body.send_trailers(trailers.into_iter().collect()).unwrap();
        return;
    }
    sent.send(()).unwrap();
    let _ = std::future::poll_fn(|cx| body.poll_reset(cx)).await;
}

async fn called(connections: &ConnectionPool) -> Result<(), Status> {
    let (stamps, retried) = (Stamps::default(), RetryLog::default());
    let limits = AnswerLimits {
        message_bytes: ANSWER_BYTES,
        expected: ExpectedMessages::One,
        page_bytes: 0,
    };
    let rpc = Rpc { connections, stamps: &stamps, retried: &retried, limits };
    let origin = || connections.target().origin();
    let request = || {
        let head = rpc::head(origin(), rpc::path("LongSync"), &MetadataMap::new(), None);
        (head, rpc::whole(&LongSyncRequest::default()))
    };
    let mut answers = rpc.begin(connections.permit().await.unwrap(), request).await?;
    while answers.next::<LongSyncResponse>().await?.is_some() {}
    Ok(())
}

#[tokio::test]
async fn unfinished_answers_are_bounded_for_all_calls_together() {
    let (target, mut was_sent, _serving) = server().await;
    let connections =
        std::sync::Arc::new(ConnectionPool::new(target, Timer::new(Clock::Monotonic)));
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let connections = std::sync::Arc::clone(&connections);
        calls.spawn(async move { called(&connections).await });
    }
    // Some calls fail when the budget is used up; all bytes of the others have been sent.
    let (mut failed, mut all_sent) = (0, 0);
    let ending = async {
        while calls.len() > FIT || all_sent < calls.len() {
            tokio::select! {
                ended = calls.join_next() => {
                    let status = ended.unwrap().unwrap().unwrap_err();
                    assert_eq!(status.code(), TonicCode::ResourceExhausted, "{status}");
                    assert!(status.message().contains("268,435,456 bytes"), "{status}");
                    failed += 1;
                }
                sent = was_sent.recv() => { sent.unwrap(); all_sent += 1; }
            }
        }
    };
    let ended = tokio::time::timeout(std::time::Duration::from_secs(60), ending).await;
    ended.expect("no more answers are kept than fit");
    assert!(failed < CALLS / 2, "{failed} of {CALLS} calls failed");
    // The bytes that were kept of them are available again.
    calls.shutdown().await;
    called(&connections).await.unwrap();
}
