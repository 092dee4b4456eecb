//! `Watch` and reflection streams, which are not counted as calls and may last forever: each has a cost, and
//! a connection may have only a few.

use longsync::v1::long_sync_service_server::SERVICE_NAME;
use longsync_server::Limits;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;

use crate::harness::{
    Memory, Raw, RawCall, Result, config, framed, ms, quota, settle, wait, with_limits,
};

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const REFLECTION: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// How many of these streams a connection may have.
const MOST: usize = 16;

/// A stream of the kind with this number, on which nothing has been sent yet.
async fn open(raw: &Raw, number: usize) -> Result<RawCall> {
    let path = [WATCH, REFLECTION[0], REFLECTION[1]][number % 3];
    raw.open_path(path, &[]).await
}

async fn check(raw: &Raw) -> Result<Code> {
    let mut check = raw.open_path(CHECK, &[]).await?;
    check.send(framed(&HealthCheckRequest::default()), true)?;
    Ok(check.ended().await?.status.code())
}

async fn buffered_bytes(server: &Memory) -> Result<u64> {
    let metrics = server.web1().await?.get("/metrics").await?;
    let name = "\nlongsync_buffered_bytes ";
    let (_, after) = metrics.body().split_once(name).expect("it is one of the metrics");
    Ok(after.split('\n').next().unwrap_or_default().parse()?)
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_at_most_16_of_them_even_before_anything_is_sent_on_them() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let mut open_streams = Vec::new();
    for number in 0..MOST {
        open_streams.push(open(&raw, number).await?);
    }
    for number in 0..3 {
        let refused = open(&raw, number).await?.ended().await?.status;
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        assert!(refused.message().contains("16"), "{refused:?}");
        quota(&refused)?;
    }
    // Everything else still works, on this and on other connections.
    assert_eq!(check(&raw).await?, Code::Ok);
    raw.unary(&wait(ms(1)), &[]).await?.ended().await?;
    let other = server.raw().await?;
    for number in 0..MOST {
        let mut stream = open(&other, number).await?;
        settle().await;
        stream.reset();
    }
    // A slot is free again when its stream has ended, whoever ended it.
    for number in 0..MOST {
        let mut stream = open_streams.swap_remove(0);
        if number % 2 == 0 {
            stream.reset();
        } else {
            stream.send(&b"\0\0\0\0\x01\xff"[..], true)?;
            stream.ended().await?;
        }
        settle().await;
        open_streams.push(open(&raw, number).await?);
        settle().await;
        let refused = open(&raw, number).await?.ended().await?.status;
        assert_eq!(refused.code(), Code::ResourceExhausted, "{number}");
    }
    drop((raw, open_streams));
    Ok(())
}

/// Opens such streams, on as many connections as necessary, until one is refused.
async fn fill(server: &Memory) -> Result<(Vec<(Raw, Vec<RawCall>)>, Status)> {
    let mut connections = Vec::new();
    while connections.len() < 100 {
        let (raw, mut streams) = (server.raw().await?, Vec::new());
        for number in 0..MOST {
            let mut stream = open(&raw, number).await?;
            if let Ok(head) = tokio::time::timeout(ms(1), &mut stream.response).await
                && let Some(refused) = Status::from_header_map(head?.headers())
            {
                return Ok((connections, refused));
            }
            streams.push(stream);
        }
        connections.push((raw, streams));
    }
    anyhow::bail!("none was refused")
}

#[tokio::test(start_paused = true)]
async fn each_counts_against_the_held_bytes_until_its_end() -> Result<()> {
    let limits = Limits { max_buffered_bytes: 4_000_000, ..Limits::default() };
    let server = Memory::start(with_limits(limits)).await;
    let (connections, refused) = fill(&server).await?;
    assert_eq!(quota(&refused)?, "max-buffered-bytes");
    assert!(!connections.is_empty(), "a connection may have all of its streams");
    let held = buffered_bytes(&server).await?;
    assert!((1..=4_000_000).contains(&held), "{held}");
    drop(connections);
    settle().await;
    assert_eq!(buffered_bytes(&server).await?, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn health_checks_are_answered_when_no_more_bytes_may_be_held() -> Result<()> {
    let limits = Limits { max_buffered_bytes: 100, ..Limits::default() };
    let server = Memory::start(with_limits(limits)).await;
    let raw = server.raw().await?;
    let mut watch = raw.open_path(WATCH, &[]).await?;
    watch.send(framed(&HealthCheckRequest::default()), true)?;
    assert_eq!(quota(&watch.ended().await?.status)?, "max-buffered-bytes");

    let named = |bytes: usize| HealthCheckRequest { service: "x".repeat(bytes) };
    for (request, code) in [
        (named(0), Code::Ok),
        (HealthCheckRequest { service: SERVICE_NAME.to_owned() }, Code::Ok),
        (named(1_000), Code::NotFound),
    ] {
        let mut check = raw.open_path(CHECK, &[]).await?;
        check.send(framed(&request), true)?;
        let status = check.ended().await?.status;
        assert_eq!(status.code(), code, "{status:?}");
    }
    let mut web = server.web1().await?;
    for path in ["/healthz", "/livez", "/readyz", "/metrics", "/"] {
        assert_eq!(web.get(path).await?.status(), 200, "{path}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_request_too_long_for_a_name_is_refused_at_its_first_bytes() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    for path in [CHECK, WATCH, REFLECTION[0], REFLECTION[1]] {
        let mut call = raw.open_path(path, &[]).await?;
        call.send(&b"\0\0\0\x04\x01"[..], false)?;
        let refused = call.ended().await?.status;
        assert_eq!(refused.code(), Code::ResourceExhausted, "{path}: {refused:?}");
        assert!(
            refused.message().contains("1025") && refused.message().contains("1024"),
            "{refused:?}"
        );
        quota(&refused)?;
    }
    assert_eq!(check(&raw).await?, Code::Ok);
    Ok(())
}

/// Room for the request may be left when there is none for the few bytes of its answer.
#[tokio::test(start_paused = true)]
async fn health_is_answered_whatever_little_memory_is_left() -> Result<()> {
    // What is left after the last request that fits takes all values up to that of a request, in steps that
    // are shorter than a health check's answer.
    for more in (0..4_096).step_by(8) {
        let limits = Limits { max_buffered_bytes: 16_384 + more, ..Limits::default() };
        let server = Memory::start(with_limits(limits)).await;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(0).initial_max_send_streams(1_000);
        let unread = Raw::with(&builder, server.open().0).await?;
        let mut answers = Vec::new();
        for _ in 0..16 {
            answers.push(unread.get("/nowhere").await?.await?);
        }
        let health = unread.get("/healthz").await?.await?;
        assert_eq!(health.status(), 200, "with {} bytes", 16_384 + more);
        drop(answers);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_not_calls_are_held_too_and_health_is_still_answered() -> Result<()> {
    let limits = Limits { max_buffered_bytes: 200_000, ..Limits::default() };
    let server = Memory::start(with_limits(limits)).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0).initial_max_send_streams(1_000);
    let unread = Raw::with(&builder, server.open().0).await?;
    let mut answers = Vec::new();
    for _ in 0..100 {
        for path in ["/nowhere", "/"] {
            answers.push((path, unread.get(path).await?));
        }
    }
    settle().await;
    let held = buffered_bytes(&server).await?;
    assert!((50_000..=150_000).contains(&held), "{held}");
    let (mut there, mut unavailable) = (Vec::new(), 0);
    for (path, answer) in answers {
        let answer = answer.await?;
        match (path, answer.status().as_u16()) {
            ("/nowhere", 404) | ("/", 200) => there.push(answer),
            ("/", 503) => unavailable += 1,
            (path, status) => panic!("{path}: {status}"),
        }
    }
    assert!(unavailable > 30, "{unavailable}");
    // These answers have no body that a window could hold up.
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(unread.get(path).await?.await?.status(), 200, "{path}");
    }
    drop((there, unread));
    settle().await;
    assert_eq!(buffered_bytes(&server).await?, 0);
    Ok(())
}
