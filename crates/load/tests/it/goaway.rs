//! Connections whose peer sends a GOAWAY: the calls in flight on them end there, and other connections
//! replace them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use longsync::v1::LongSyncResponse;
use longsync_connect::{Code, Target};
use longsync_load::{LoadPlanBuilder, Schedule, StopCondition};
use longsync_stats::{Figures, NotSentReason};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::real::{count, plan, rate, run};

/// A server that runs `serve` on each connection, numbered from 0; and the number of connections that it
/// accepted.
async fn server_of<Served>(
    serve: impl Fn(TcpStream, usize) -> Served + Send + 'static,
) -> (Target, Arc<AtomicUsize>)
where
    Served: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let accepted = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, count.fetch_add(1, Ordering::Relaxed)));
        }
    });
    (target, accepted)
}

/// The same, with HTTP/2 on each.
async fn server<Served>(
    serve: impl Fn(Connection<TcpStream, Bytes>, usize) -> Served + Send + Sync + 'static,
) -> (Target, Arc<AtomicUsize>)
where
    Served: Future<Output = ()> + Send + 'static,
{
    let serve = Arc::new(serve);
    server_of(move |socket, number| {
        let serve = Arc::clone(&serve);
        async move {
            // The run may be over before this begins.
            if let Ok(connection) = h2::server::handshake(socket).await {
                serve(connection, number).await;
            }
        }
    })
    .await
}

async fn answer(mut respond: SendResponse<Bytes>, after: Duration) {
    tokio::time::sleep(after).await;
    let head = http::Response::builder().header("content-type", "application/grpc");
    let mut body = respond.send_response(head.body(()).unwrap(), false).unwrap();
    body.send_data(longsync::frame::encoded(&LongSyncResponse::default()), false).unwrap();
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    body.send_trailers(trailers).unwrap();
}

/// Answers each call after a while, and sends a GOAWAY with the last call that it takes.
async fn take(mut connection: Connection<TcpStream, Bytes>, most: usize, after: Duration) {
    let mut calls = 0;
    while let Some(Ok((_, respond))) = connection.accept().await {
        calls += 1;
        if calls == most {
            connection.graceful_shutdown();
        }
        tokio::spawn(answer(respond, after));
    }
}

/// How many calls were answered, or crossed a GOAWAY and were refused; most are answered.
fn sent_well(figures: &Figures) -> u64 {
    let answered = figures.counts.ended_with(Code::Ok);
    assert!(figures.counts.refused() <= answered / 4, "{} were refused", figures.counts.refused());
    answered + figures.counts.refused()
}

fn one_connection(target: &Target, schedule: Schedule, calls: u64) -> LoadPlanBuilder {
    let stop = StopCondition::after_calls(calls);
    plan(target, schedule, stop, Duration::ZERO).workers(1).connections(1)
}

#[tokio::test]
async fn a_goaway_loses_no_call_while_others_are_in_flight() {
    let after = Duration::from_millis(200);
    for schedule in [Schedule::constant(rate(100)), Schedule::closed(count(8))] {
        let (target, accepted) = server(move |connection, _| take(connection, 5, after)).await;
        let figures = run(&one_connection(&target, schedule.clone(), 50)).await.unwrap().figures;
        assert_eq!(sent_well(&figures), 50, "{schedule:?}: {:?}", figures.counts.not_sent);
        let accepted = accepted.load(Ordering::Relaxed);
        assert!((4..=11).contains(&accepted), "{schedule:?}: {accepted} connections");
    }
}

/// A server that sends a GOAWAY with the first call, answers all other calls, and never answers this one.
async fn hanging() -> (Target, Arc<AtomicUsize>) {
    server(async |mut connection, number| {
        let hangs = if number == 0 { connection.accept().await } else { None };
        if number == 0 {
            connection.graceful_shutdown();
        }
        take(connection, usize::MAX, Duration::ZERO).await;
        drop(hangs);
    })
    .await
}

#[tokio::test]
async fn a_call_that_hangs_on_its_connection_delays_no_other() {
    let (target, accepted) = hanging().await;
    let plan = one_connection(&target, Schedule::constant(rate(200)), 40);
    let figures = run(&plan.grace(Duration::from_millis(300))).await.unwrap().figures;
    assert_eq!((sent_well(&figures), figures.counts.unfinished), (39, 1));
    assert_eq!(accepted.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_deadline_ends_a_call_on_a_connection_that_was_replaced() {
    let (target, _) = hanging().await;
    let plan = one_connection(&target, Schedule::constant(rate(200)), 40);
    let figures = run(&plan.deadline(Duration::from_millis(100))).await.unwrap().figures;
    assert_eq!((sent_well(&figures), figures.counts.cut), (39, 1));
}

/// A server that takes one call on each of its connections, except that on those for which `gone` is true it
/// sends a GOAWAY together with its settings.
async fn leaving(gone: impl Fn(usize) -> bool + Send + 'static) -> (Target, Arc<AtomicUsize>) {
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    const GOAWAY: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0";
    server_of(move |mut socket, number| {
        let is_gone = gone(number);
        async move {
            if !is_gone {
                // The run may be over before this begins.
                if let Ok(connection) = h2::server::handshake(socket).await {
                    take(connection, 1, Duration::ZERO).await;
                }
                return;
            }
            let _ = socket.write_all(&[SETTINGS, GOAWAY].concat()).await;
            while socket.read(&mut [0; 1_000]).await.is_ok_and(|bytes| bytes > 0) {}
        }
    })
    .await
}

#[tokio::test]
async fn a_server_that_goes_away_before_any_call_is_tried_once_more() {
    let (target, accepted) = leaving(|number| number == 0).await;
    let figures = run(&one_connection(&target, Schedule::AtOnce, 1)).await.unwrap().figures;
    assert_eq!(figures.counts.ended_with(Code::Ok), 1);
    // The second connection takes one call, after which it may be replaced as well.
    assert!((2..=3).contains(&accepted.load(Ordering::Relaxed)));

    let (target, accepted) = leaving(|_| true).await;
    let why = run(&one_connection(&target, Schedule::AtOnce, 1)).await.unwrap_err().to_string();
    assert!(why.contains("it is going away (GOAWAY NO_ERROR arrived before any call)"), "{why}");
    assert_eq!(accepted.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_server_that_goes_away_each_time_is_not_asked_all_the_time() {
    let (target, accepted) = leaving(|number| number > 0).await;
    let plan = one_connection(&target, Schedule::constant(rate(100)), 100);
    let figures = run(&plan.grace(Duration::from_millis(100))).await.unwrap().figures;
    assert!(
        figures.counts.not_sent[NotSentReason::NoConnection] > 0,
        "{:?}",
        figures.counts.not_sent
    );
    // Two for each tenth of the second.
    let accepted = accepted.load(Ordering::Relaxed);
    assert!((3..=30).contains(&accepted), "{accepted} connections");
}
