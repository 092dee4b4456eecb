//! Connections and permits.

use std::sync::Arc;
use std::time::Duration;

use longsync::duration::to_proto;
use longsync::v1::LongSyncRequest;
use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use longsync_connect::{Connection, ConnectionPool, Target};
use longsync_server::{CallKind, Config, Limits, Outcome, Worker, serve_connection};
use longsync_timer::{Clock, Timer};
use tokio::task::JoinSet;

use crate::harness::{eventually, start};

fn connections(target: &Target) -> Arc<ConnectionPool> {
    Arc::new(ConnectionPool::new(target.clone(), Timer::new(Clock::Monotonic)))
}

async fn call(connections: &ConnectionPool, delay: Duration) -> Result<String, tonic::Status> {
    let permit = connections.permit().await.unwrap();
    let request = LongSyncRequest { delay: Some(to_proto(delay)), ..Default::default() };
    let mut client = LongSyncServiceClient::with_origin(permit, connections.target().origin());
    Ok(client.long_sync(request).await?.into_inner().message)
}

#[tokio::test]
async fn calls_over_the_peers_stream_limit_use_more_connections() {
    let server = start(Limits { max_streams: 10, ..Limits::default() });
    let connections = connections(&server.target);
    let mut calls = JoinSet::new();
    for _ in 0..25 {
        let connections = Arc::clone(&connections);
        calls.spawn(async move { call(&connections, Duration::from_millis(300)).await });
    }
    // No call is held back: all of them wait on the server at once.
    eventually(|| server.stats.snapshot().calls_in_flight() == 25).await;
    while let Some(answer) = calls.join_next().await {
        assert_eq!(answer.unwrap().unwrap(), "Done!");
    }
    assert_eq!(connections.opened(), 3);
}

#[tokio::test]
async fn sequential_calls_share_a_connection() {
    let server = start(Limits { max_streams: 1, ..Limits::default() });
    let connections = connections(&server.target);
    for _ in 0..20 {
        call(&connections, Duration::ZERO).await.unwrap();
    }
    assert_eq!(connections.opened(), 1);
}

#[tokio::test]
async fn a_dropped_call_is_reset_and_the_connection_survives_thousands_of_them() {
    let server = start(Limits::default());
    let connections = connections(&server.target);
    let cancelled = || server.stats.snapshot().calls_ended(CallKind::LongSync, Outcome::Cancelled);
    for round in 1..=3 {
        let mut calls = JoinSet::new();
        for _ in 0..1_000 {
            let connections = Arc::clone(&connections);
            calls.spawn(async move { call(&connections, Duration::from_secs(60)).await });
        }
        eventually(|| server.stats.snapshot().calls_in_flight() == 1_000).await;
        drop(calls);
        eventually(|| cancelled() == round * 1_000).await;
    }
    call(&connections, Duration::ZERO).await.unwrap();
    assert_eq!(connections.opened(), 1);
}

#[tokio::test]
async fn a_connection_that_ended_is_replaced() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target: Target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let worker = Worker::new(Config::default(), Clock::Monotonic);
    let connections = connections(&target);
    let serve_one = async || {
        let (socket, _) = listener.accept().await.unwrap();
        serve_connection(socket, None, &worker).await;
    };
    // The first connection is served until it has answered, and then dropped.
    tokio::select! {
        () = serve_one() => panic!("the client closed the connection"),
        answer = call(&connections, Duration::ZERO) => assert_eq!(answer.unwrap(), "Done!"),
    }
    let again = async {
        // The end of the connection is noticed when its socket is read.
        while connections.opened() == 1 {
            drop(connections.permit().await.unwrap());
            tokio::task::yield_now().await;
        }
        call(&connections, Duration::ZERO).await
    };
    tokio::select! {
        () = serve_one() => panic!("the client closed the connection"),
        answer = again => assert_eq!(answer.unwrap(), "Done!"),
    }
    assert_eq!(connections.opened(), 2);
}

#[tokio::test]
async fn a_refused_connection_names_the_address_and_how_to_start_a_server() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connections = connections(&format!("http://{free}").parse().unwrap());
    let why = connections.permit().await.unwrap_err().to_string();
    assert!(why.contains(&format!("http://{free}")), "{why}");
    assert!(why.contains(&format!("longsync-server --listen {free}")), "{why}");
}

#[tokio::test]
async fn a_peer_that_does_not_speak_http2_is_reported_as_such() {
    use tokio::io::AsyncWriteExt as _;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target: Target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        drop(socket);
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        // Kept open, so that its words are read before its end.
        std::future::pending::<()>().await;
    });
    for said in ["it closed the connection before it began", "does not speak the protocol"] {
        let why = connections(&target).permit().await.unwrap_err().to_string();
        assert!(why.starts_with(&format!("cannot reach {target}: ")), "{why}");
        assert!(why.contains(said) && !why.contains("longsync-server"), "{why}");
    }
}

#[tokio::test]
async fn an_unknown_host_is_named() {
    // RFC 6761: no resolver may know this name.
    let target = "http://nowhere.invalid:9000".parse().unwrap();
    let why = connections(&target).permit().await.unwrap_err().to_string();
    assert!(why.contains("cannot resolve the host `nowhere.invalid`"), "{why}");
    assert!(!why.contains("longsync-server"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_the_same_connection_attempt_fail_together() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target: Target = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
    let connections = ConnectionPool::new(target, Timer::new(Clock::Tokio));
    let before = tokio::time::Instant::now();
    let (first, second, third) =
        tokio::join!(connections.permit(), connections.permit(), connections.permit());
    assert!(first.is_err() && second.is_err() && third.is_err());
    assert_eq!(before.elapsed(), Duration::from_secs(10));
    // A later call tries again.
    connections.permit().await.unwrap_err();
    assert_eq!(before.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn over_an_in_memory_stream_a_call_takes_exactly_its_delay() {
    let worker = Worker::new(Config::default(), Clock::Tokio);
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move { serve_connection(far, None, &worker).await });
    let timer = Timer::new(Clock::Tokio);
    let connection = Connection::begin(near, timer.clone()).await.unwrap();
    assert_eq!(connection.max_streams(), 16_384);

    let permit = connection.permit().unwrap();
    let stamps = permit.stamps();
    let origin = "http://in.memory".parse().unwrap();
    let request =
        LongSyncRequest { delay: Some(to_proto(Duration::from_secs(3600))), ..Default::default() };
    LongSyncServiceClient::with_origin(permit, origin).long_sync(request).await.unwrap();

    assert_eq!(stamps.done().unwrap() - stamps.sent().unwrap(), Duration::from_secs(3600));
}

#[tokio::test]
async fn the_generated_client_survives_answers_that_it_does_not_expect() {
    use crate::peer::{Peer, only, page};
    let peer = Peer::answering(|stream| {
        only(
            stream,
            &[
                ("grpc-status", b"5"),
                ("grpc-message", b"caf%C3"),
                ("grpc-status-details-bin", b"!!!,CAUSAXg"),
            ],
        )
    })
    .await;
    let status = call(&connections(&peer.target), Duration::ZERO).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (tonic::Code::NotFound, "caf\u{fffd}"));
    assert_eq!(status.details(), b"\x08\x05\x12\x01x");
    let peer = Peer::answering(|stream| page(stream, "503", "text/html", b"<html>")).await;
    let status = call(&connections(&peer.target), Duration::ZERO).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    assert!(status.message().ends_with("`<html>`"), "{status}");
}

#[tokio::test]
async fn windows_fit_one_largest_message_and_are_announced_once() {
    use crate::peer::{Peer, SETTINGS, answer, done, settings_frame};
    const WINDOW_UPDATE: u8 = 8;
    let (told, mut windows) = tokio::sync::mpsc::unbounded_channel();
    let peer = Peer::start(move |mut wire, _| {
        let told = told.clone();
        async move {
            wire.settings(&[]).await?;
            while let Some(frame) = wire.whole_frame().await? {
                let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
                if frame[3] == SETTINGS && frame[4] == 0 {
                    let initial = frame[9..].chunks(6).find(|each| each[..2] == [0, 4]);
                    told.send(("stream", number(&initial.unwrap()[2..]))).unwrap();
                } else if frame[3] == WINDOW_UPDATE {
                    told.send(("connection", 65_535 + number(&frame[9..]))).unwrap();
                } else if frame[4] & 1 != 0 && frame[3] < 2 {
                    wire.send(&settings_frame(&[])).await?;
                    wire.send(&answer(1, &done())).await?;
                }
            }
            Ok(())
        }
    })
    .await;
    call(&connections(&peer.target), Duration::ZERO).await.unwrap();
    let expected = [("stream", 4 * 1024 * 1024 + 64 * 1024), ("connection", 64 * 1024 * 1024)];
    for window in expected {
        assert_eq!(windows.recv().await, Some(window));
    }
    assert!(windows.try_recv().is_err(), "the windows changed again");
}
