//! The HTTP face, over HTTP/1.1 and HTTP/2, and what is gRPC and what is not.

use std::time::Duration;

use http::Response;
use longsync_server::{Kind, Limits, Outcome};
use tonic::Code;

use crate::harness::{
    HOUR, Memory, Paused, Result, Web, config, ms, wait, waits, with_delay, with_limits,
};

async fn both(server: &Memory) -> Result<[Web; 2]> {
    Ok([server.web1().await?, server.web2().await?])
}

fn header<'a>(response: &'a Response<String>, name: &str) -> &'a str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn long_sync_waits_exactly_and_says_done() -> Result<()> {
    let server = Memory::start(with_delay(ms(3_000))).await;
    for mut web in both(&server).await? {
        for (target, delay) in [
            ("/long_sync?delay=250ms", ms(250)),
            ("/long_sync?delay=1.5s", ms(1_500)),
            ("/long_sync?delay=0s", Duration::ZERO),
            ("/long_sync?delay=1h", HOUR),
            ("/long_sync?behavior=constant(2s)", ms(2_000)),
            ("/long_sync?behavior=constant%282s%29", ms(2_000)),
            ("/long_sync", ms(3_000)),
        ] {
            let clock = Paused::start();
            let answer = web.get(target).await?;
            assert_eq!((answer.status().as_u16(), answer.body().as_str()), (200, "Done!"));
            assert_eq!(clock.elapsed(), delay, "{target}");
            assert_eq!(header(&answer, "content-type"), "text/plain; charset=utf-8");
            let millis = delay.as_millis();
            assert_eq!(
                header(&answer, "server-timing"),
                format!("planned;dur={millis}.000, waited;dur={millis}.000, queued;dur=0.000")
            );
        }
    }
    assert_eq!(server.snapshot().calls_ended(Kind::Http, Outcome::Answered), 14);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_query_goes_before_the_header_and_the_header_before_the_default() -> Result<()> {
    let mut web = Memory::start(config()).await.web1().await?;
    let header = [(longsync::BEHAVIOR_HEADER, "2s")];
    for (target, delay) in [("/long_sync", ms(2_000)), ("/long_sync?delay=1s", ms(1_000))] {
        let clock = Paused::start();
        web.send("GET", target, &header).await?;
        assert_eq!(clock.elapsed(), delay, "{target}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn head_waits_as_get_does_and_has_no_body() -> Result<()> {
    let server = Memory::start(config()).await;
    for mut web in both(&server).await? {
        let clock = Paused::start();
        let answer = web.send("HEAD", "/long_sync?delay=100ms", &[]).await?;
        assert_eq!((answer.status().as_u16(), answer.body().as_str()), (200, ""));
        assert_eq!((header(&answer, "content-length"), clock.elapsed()), ("5", ms(100)));
        let refused = web.send("HEAD", "/long_sync?delay=soon", &[]).await?;
        assert_eq!((refused.status().as_u16(), refused.body().as_str()), (400, ""));
        assert_eq!(web.send("HEAD", "/nowhere", &[]).await?.status(), 404);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_refused_at_once_with_the_sentence_that_grpc_gets() -> Result<()> {
    let server = Memory::start(config()).await;
    let cases = [
        ("delay=50", "delay: `50` is not a duration: write a number and a unit"),
        ("delay=-1s", "delay: `-1s` is not a duration"),
        ("delay=2h", "delay: a delay of 2h is over this server's limit: ask for at most 1h"),
        ("delay=", "delay: `` is not a duration"),
        ("behavior=soon", "behavior: `soon` is not understood at column 1: expected a delay"),
        ("behavior=1s;hang(1%25)", "behavior: `1s;hang(1%)` is not understood at column 3"),
        ("delay=1s&behavior=1s", "delay: delay and behavior are both given"),
        ("delay=1s&delay=2s", "delay: given twice"),
        ("delya=1s", "query: `delya` is not understood: send delay or behavior"),
    ];
    for mut web in both(&server).await? {
        for (query, sentence) in cases {
            let clock = Paused::start();
            let answer = web.get(&format!("/long_sync?{query}")).await?;
            assert_eq!(answer.status(), 400, "{query}");
            assert!(answer.body().starts_with(sentence), "{query}: {}", answer.body());
            assert!(answer.body().ends_with('\n'), "{query}");
            assert_eq!(clock.elapsed(), Duration::ZERO, "{query}");
        }
    }
    let refused = server.snapshot().calls_ended(Kind::Http, Outcome::Refused);
    assert_eq!(refused, 2 * cases.len() as u64);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn other_paths_and_methods_are_answered_in_plain_text() -> Result<()> {
    let server = Memory::start(config()).await;
    for mut web in both(&server).await? {
        for (method, path, status, word) in [
            ("GET", "/nowhere", 404, "/nowhere"),
            ("POST", "/nowhere", 404, "/nowhere"),
            ("GET", "/long_sync/", 404, "/long_sync/"),
            ("POST", "/long_sync", 405, "GET"),
            ("DELETE", "/", 405, "GET"),
            ("PUT", "/metrics", 405, "GET"),
            ("GET", "/longsync.v1.LongSyncService/LongSync", 415, "application/grpc"),
            ("POST", "/longsync.v1.LongSyncService/LongSync", 415, "application/grpc"),
        ] {
            let answer = web.send(method, path, &[]).await?;
            assert_eq!(answer.status(), status, "{method} {path}");
            assert!(answer.body().contains(word), "{method} {path}: {}", answer.body());
            assert_eq!(header(&answer, "content-type"), "text/plain; charset=utf-8");
            assert_eq!(header(&answer, "allow").contains("GET"), status == 405, "{method} {path}");
        }
    }
    let counted = server.snapshot();
    assert!(Kind::ALL.iter().all(|kind| counted.calls_started(*kind) == 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_path_that_grpc_does_not_know_is_unimplemented() -> Result<()> {
    let raw = Memory::start(config()).await.raw().await?;
    for path in [
        "/longsync.v1.LongSyncService/LongSink",
        "/longsync.v1.LongSyncService/",
        "/longsync.v2.LongSyncService/LongSync",
        "/grpc.health.v1.Health/Nothing",
        "/long_sync",
        "/",
    ] {
        let mut call = raw.open_path(path, &[]).await?;
        call.send("", true)?;
        let ended = call.ended().await?;
        assert_eq!(ended.http, 200, "{path}");
        assert_eq!(ended.status.code(), Code::Unimplemented, "{path}");
        assert!(ended.data.is_empty(), "{path}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn grpc_over_http1_or_with_get_is_told_what_it_needs() -> Result<()> {
    let server = Memory::start(config()).await;
    let grpc = [("content-type", "application/grpc")];
    let [mut web1, mut web2] = both(&server).await?;
    let path = "/longsync.v1.LongSyncService/LongSync";
    let answer = web1.send("POST", path, &grpc).await?;
    assert_eq!(answer.status(), 505);
    assert!(answer.body().contains("HTTP/2"));
    let answer = web2.send("GET", path, &grpc).await?;
    assert_eq!((answer.status().as_u16(), header(&answer, "allow")), (405, "POST"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn every_content_type_of_grpc_is_grpc_and_no_other() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut web = server.web2().await?;
    let path = "/longsync.v1.LongSyncService/Nothing";
    for (content_type, status) in [
        ("application/grpc", 200),
        ("application/grpc+proto", 200),
        ("application/grpc;charset=utf-8", 200),
        ("application/grpc-web", 415),
        ("application/grpcx", 415),
        ("application/json", 415),
    ] {
        let answer = web.send("POST", path, &[("content-type", content_type)]).await?;
        assert_eq!(answer.status(), status, "{content_type}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_welcome_says_what_to_try_at_the_address_by_which_it_was_called() -> Result<()> {
    let server = Memory::start(with_delay(ms(40))).await;
    for mut web in both(&server).await? {
        let answer = web.get("/").await?;
        assert_eq!(answer.status(), 200);
        for part in [
            "curl 'http://longsync.test/long_sync?delay=250ms'",
            "longsync.test longsync.v1.LongSyncService/LongSync",
            "(40ms unless told otherwise)",
            "/healthz",
            "/metrics",
        ] {
            assert!(answer.body().contains(part), "{part} in {}", answer.body());
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn metrics_are_what_happened() -> Result<()> {
    let limits = Limits { max_count: 3, ..Limits::default() };
    let server = Memory::start(with_limits(limits)).await;
    let mut client = server.client().await?;
    for _ in 0..3 {
        client.long_sync(wait(ms(20))).await?;
    }
    let mut stream = client.long_sync_stream(waits(ms(10), 3)).await?.into_inner();
    while stream.message().await?.is_some() {}
    client.long_sync_stream(waits(ms(10), 4)).await.expect_err("it is over the limit");
    let raw = server.raw().await?;
    let mut cancelled = raw.unary(&wait(HOUR), &[]).await?;
    let late = raw.unary(&wait(HOUR), &[("grpc-timeout", "30m")]).await?;
    late.ended().await?;
    // 200 ms after it was sent.
    tokio::time::sleep(ms(170)).await;
    cancelled.reset();
    let _waiting = raw.unary(&wait(HOUR), &[]).await?;
    tokio::time::sleep(ms(1)).await;

    let answer = server.web1().await?.get("/metrics").await?;
    assert_eq!(
        header(&answer, "content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let metrics: Vec<_> = answer.body().lines().collect();
    for line in [
        "longsync_calls_started_total{rpc=\"LongSync\"} 6",
        "longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"answered\"} 3",
        "longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"cancelled\"} 1",
        "longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"deadline_exceeded\"} 1",
        "longsync_calls_ended_total{rpc=\"LongSyncStream\",outcome=\"answered\"} 1",
        "longsync_calls_ended_total{rpc=\"LongSyncStream\",outcome=\"refused\"} 1",
        "longsync_calls_ended_total{rpc=\"GET /long_sync\",outcome=\"answered\"} 0",
        "longsync_calls_in_flight 1",
        "longsync_buffered_bytes 0",
        "# TYPE longsync_lateness_seconds histogram",
        "longsync_lateness_seconds_sum 0.0",
        "longsync_lateness_seconds_count 6",
        "longsync_lateness_seconds_bucket{le=\"0.00001\"} 6",
        "longsync_lateness_seconds_bucket{le=\"+Inf\"} 6",
        "longsync_cancelled_after_seconds_sum 0.2",
        "longsync_cancelled_after_seconds_count 1",
        "longsync_cancelled_after_seconds_bucket{le=\"0.1\"} 0",
        "longsync_cancelled_after_seconds_bucket{le=\"0.25\"} 1",
    ] {
        assert!(metrics.contains(&line), "{line} in {}", answer.body());
    }
    assert_eq!(metrics.last(), Some(&"# EOF"));
    Ok(())
}
