//! Calls in one line of code.

use std::error::Error as _;
use std::time::Duration;

use longsync::v1::LongSyncRequest;
use longsync_connect::{Code, ConnectErrorKind, connect};
use longsync_server::{Behavior, CallKind, Outcome, RunningServer, start};
use tokio::net::TcpListener;

const DELAY: Duration = Duration::from_millis(20);
const HOUR: Duration = Duration::from_secs(3600);

/// A server whose calls take 20 ms unless they ask for another delay; it runs until it is dropped.
fn server() -> RunningServer {
    start(Behavior::constant(DELAY)).unwrap()
}

#[tokio::test]
async fn a_call_returns_its_answer_and_its_times() {
    let server = server();
    let answer = connect(server.url()).await.unwrap().long_sync(2 * DELAY).await.unwrap();
    assert_eq!(answer.message(), "Done!");
    let waited = answer.waited().unwrap();
    assert!(waited >= 2 * DELAY && answer.service_time() >= waited, "{answer:?}");
    assert_eq!(answer.timing().unwrap().behavior, "40ms");
}

#[tokio::test]
async fn a_request_may_leave_the_delay_to_the_server_and_ask_for_a_payload() {
    let server = server();
    let client = connect(&*server.url()).await.unwrap();
    let request = LongSyncRequest { response_bytes: 5 << 20, ..LongSyncRequest::default() };
    let refused = client.call(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "the server's own limit");
    let request = LongSyncRequest { response_bytes: 4 << 20, ..request };
    let response = client.call(request).await.unwrap().into_response();
    assert_eq!(response.payload.len(), 4 << 20);
    assert_eq!(response.timing.unwrap().behavior, "20ms");
}

#[tokio::test]
async fn a_failed_call_has_a_code_a_message_and_the_servers_account() {
    let server = server();
    let client = connect(server.url()).await.unwrap();
    let refused = client.long_sync(2 * HOUR).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("ask for at most 1h"), "{refused}");
    assert_eq!(refused.to_string(), format!("INVALID_ARGUMENT: {}", refused.message()));
    assert!(refused.timing().is_some() && refused.source().is_none());
}

#[tokio::test]
async fn a_dropped_call_is_reset_and_others_continue() {
    let server = server();
    let client = connect(server.url()).await.unwrap();
    tokio::time::timeout(DELAY, client.long_sync(HOUR)).await.unwrap_err();
    client.long_sync(DELAY).await.unwrap();
    let snapshot = server.stats().snapshot();
    assert_eq!(snapshot.calls_ended(CallKind::LongSync, Outcome::Cancelled), 1);
    assert_eq!(snapshot.calls_in_flight(), 0);
}

#[tokio::test]
async fn a_missing_server_is_an_error_with_a_kind_and_a_source() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = connect(format!("http://{free}")).await.unwrap_err();
    assert_eq!(refused.kind(), ConnectErrorKind::Refused);
    assert!(refused.source().is_some(), "{refused:?}");
    let unknown = connect("http://nowhere.invalid").await.unwrap_err();
    assert_eq!(unknown.kind(), ConnectErrorKind::UnknownHost);
    let tls = connect("https://127.0.0.1:9000").await.unwrap_err();
    assert_eq!(tls.kind(), ConnectErrorKind::NotATarget);
}

#[tokio::test]
async fn a_server_that_is_lost_ends_calls_with_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        drop(connection.accept().await);
    });
    let client = connect(url).await.unwrap();
    let lost = client.long_sync(HOUR).await.unwrap_err();
    assert_eq!(lost.code(), Code::Unavailable, "{lost}");
    serving.await.unwrap();
    // The listener is closed as well.
    let unreached = client.long_sync(HOUR).await.unwrap_err();
    assert_eq!(unreached.code(), Code::Unavailable);
    assert!(unreached.message().starts_with("cannot reach"), "{unreached}");
    assert!(unreached.source().is_some());
}
