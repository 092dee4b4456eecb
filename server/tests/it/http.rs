//! The HTTP endpoints, over HTTP/1.1 and HTTP/2, and which requests are gRPC.

use std::time::Duration;

use anyhow::Context as _;
use http::Response;
use longsync_server::{CallKind, Limits, Outcome};
use prost::Message as _;
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
    assert_eq!(server.snapshot().calls_ended(CallKind::Http, Outcome::Answered), 14);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_refusal_of_a_head_has_no_body() -> Result<()> {
    let server = Memory::start(config()).await;
    let grpc = [("content-type", "application/grpc")];
    for (mut web, status, body) in [
        (
            server.web1().await?,
            505,
            "gRPC requires HTTP/2: with curl, use --http2-prior-knowledge\n",
        ),
        (server.web2().await?, 405, "gRPC is called with POST\n"),
    ] {
        let answer = web.send("HEAD", "/longsync.v1.LongSyncService/LongSync", &grpc).await?;
        assert_eq!((answer.status().as_u16(), answer.body().as_str()), (status, ""));
        assert_eq!(header(&answer, "content-length"), body.len().to_string());
        let answer = web.send("GET", "/longsync.v1.LongSyncService/LongSync", &grpc).await?;
        assert_eq!((answer.status().as_u16(), answer.body().as_str()), (status, body));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_query_overrides_the_header_and_the_header_the_default() -> Result<()> {
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
async fn an_impossible_query_is_refused_at_once_with_the_sentence_that_grpc_gets() -> Result<()> {
    let server = Memory::start(config()).await;
    let cases = [
        ("delay=50", "delay: `50` is not a duration: write a number and a unit"),
        ("delay=-1s", "delay: `-1s` is not a duration"),
        ("delay=2h", "delay: a delay of 2h is over this server's limit: ask for at most 1h"),
        ("delay=", "delay: `` is not a duration"),
        ("behavior=", "behavior: an empty text is not a behavior: write a delay such as 250ms"),
        ("behavior=soon", "behavior: `soon` is not understood at column 1: expected a delay"),
        ("behavior=1s;hung(1%25)", "behavior: `1s;hung(1%)` is not understood at column 4"),
        ("delay=1s&behavior=1s", "delay: delay and behavior are both given"),
        ("delay=1s&delay=2s", "delay: given twice"),
        (
            "delya=1s",
            "query: `delya` is not a known parameter: send delay, behavior, call_id, status",
        ),
        ("status=200", "status: `200` is not the status of an error: send one from 400 to 599"),
        ("status=503&behavior=1s", "status: status and behavior are both given: send only one"),
        ("bytes=1k", "bytes: `1k` is not a number of bytes: send one such as 1024"),
        ("bytes=4194305", "bytes: 4194305 is over this server's limit"),
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
    let refused = server.snapshot().calls_ended(CallKind::Http, Outcome::Refused);
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
            ("PUT", "/long_sync", 405, "GET or POST"),
            ("DELETE", "/", 405, "GET"),
            ("POST", "/livez", 405, "GET"),
            ("POST", "/readyz", 405, "GET"),
            ("OPTIONS", "/healthz", 405, "GET"),
            ("GET", "//longsync.v1.LongSyncService/LongSync", 404, "//longsync.v1"),
            ("PUT", "/metrics", 405, "GET"),
            ("GET", "/longsync.v1.LongSyncService/LongSync", 415, "application/grpc"),
            ("POST", "/longsync.v1.LongSyncService/LongSync", 415, "application/grpc"),
        ] {
            let answer = web.send(method, path, &[]).await?;
            assert_eq!(answer.status(), status, "{method} {path}");
            assert!(answer.body().contains(word), "{method} {path}: {}", answer.body());
            assert_eq!(header(&answer, "content-type"), "text/plain; charset=utf-8");
            assert_eq!(header(&answer, "allow").contains("GET"), status == 405, "{method} {path}");
            let posts = header(&answer, "allow").contains("POST");
            assert_eq!(posts, status == 405 && path == "/long_sync", "{method} {path}");
        }
    }
    let counted = server.snapshot();
    assert!(CallKind::ALL.iter().all(|kind| counted.calls_started(*kind) == 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_path_that_grpc_does_not_know_is_unimplemented() -> Result<()> {
    let raw = Memory::start(config()).await.raw().await?;
    for path in [
        "/longsync.v1.LongSyncService/LongSink",
        "/longsync.v1.LongSyncService/",
        "/longsync.v2.LongSyncService/LongSync",
        "//longsync.v1.LongSyncService/LongSync",
        "/longsync.v1.LongSyncService//LongSync",
        "//grpc.health.v1.Health/Check",
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
async fn grpc_over_http1_or_with_get_is_refused_with_what_it_needs() -> Result<()> {
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
async fn exactly_the_content_types_of_grpc_are_grpc() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut web = server.web2().await?;
    let path = "/longsync.v1.LongSyncService/Nothing";
    for (content_type, status) in [
        ("application/grpc", 200),
        ("application/grpc+proto", 200),
        ("application/grpc;charset=utf-8", 200),
        ("Application/gRPC", 200),
        ("APPLICATION/GRPC+PROTO ; charset=utf-8", 200),
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
async fn the_welcome_suggests_commands_with_the_address_that_was_called() -> Result<()> {
    let server = Memory::start(with_delay(ms(40))).await;
    for mut web in both(&server).await? {
        let answer = web.get("/").await?;
        assert_eq!(answer.status(), 200);
        for part in [
            "curl 'http://longsync.test/long_sync?delay=250ms'",
            "longsync.test longsync.v1.LongSyncService/LongSync",
            "(40ms by default)",
            "/healthz",
            "/metrics",
        ] {
            assert!(answer.body().contains(part), "{part} is not in {}", answer.body());
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_authority_of_http2_takes_precedence_over_host() -> Result<()> {
    let mut web = Memory::start(config()).await.web2().await?;
    let answer = web.send("GET", "/", &[("host", "other.test")]).await?;
    assert!(answer.body().contains("http://longsync.test/"), "{}", answer.body());
    assert!(!answer.body().contains("other.test"), "{}", answer.body());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn metrics_report_what_happened() -> Result<()> {
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

    let accept = [("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")];
    let answer = server.web1().await?.send("GET", "/metrics", &accept).await?;
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
        assert!(metrics.contains(&line), "{line} is not in {}", answer.body());
    }
    assert_eq!(metrics.last(), Some(&"# EOF"));
    Ok(())
}

/// A metric in Prometheus's text format 0.0.4, as specified.
#[derive(Debug, Default)]
struct Family {
    help: String,
    kind: String,
    samples: Vec<(String, f64)>,
}

/// Parses the text format as strictly as its specification allows: each metric is described once, before its
/// samples, and its samples are contiguous.
fn read_text(text: &str) -> Result<Vec<(String, Family)>> {
    let mut families: Vec<(String, Family)> = Vec::new();
    anyhow::ensure!(text.ends_with('\n'), "the last line has no newline");
    for line in text.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            let (name, help) =
                described.split_once(' ').context("the line lacks a name or a text")?;
            anyhow::ensure!(
                families.iter().all(|(known, _)| known != name),
                "{name} is described twice"
            );
            families.push((name.to_owned(), Family { help: help.to_owned(), ..Family::default() }));
            continue;
        }
        let (name, family) =
            families.last_mut().context("the sample has no description before it")?;
        if let Some(described) = line.strip_prefix("# TYPE ") {
            let (of, kind) =
                described.split_once(' ').context("the line lacks a name or a type")?;
            anyhow::ensure!(of == name && family.samples.is_empty(), "{line} is not of {name}");
            kind.clone_into(&mut family.kind);
            continue;
        }
        anyhow::ensure!(!line.starts_with('#'), "{line} is another kind of comment");
        let (sample, value) =
            line.rsplit_once(' ').context("the line lacks a sample or a value")?;
        let (base, labels) = sample.split_once('{').unwrap_or((sample, "}"));
        anyhow::ensure!(labels.ends_with('}'), "{line}");
        let suffix = base
            .strip_prefix(name.as_str())
            .with_context(|| format!("{line} does not belong to {name}"))?;
        let is_right = match family.kind.as_str() {
            "histogram" => matches!(suffix, "_bucket" | "_sum" | "_count"),
            "counter" => suffix.is_empty() && name.ends_with("_total"),
            "gauge" => suffix.is_empty() && !name.ends_with("_total"),
            _ => false,
        };
        anyhow::ensure!(is_right, "{line} is not a sample of the {} {name}", family.kind);
        family.samples.push((sample.to_owned(), value.parse()?));
    }
    Ok(families)
}

#[tokio::test(start_paused = true)]
async fn metrics_are_text_unless_openmetrics_is_requested_and_report_the_same() -> Result<()> {
    let server = Memory::start(config()).await;
    for mut web in both(&server).await? {
        web.get("/long_sync?delay=30ms").await?;
        let text = web.get("/metrics").await?;
        assert_eq!(header(&text, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
        let families = read_text(text.body())?;
        let names: Vec<_> = families.iter().map(|(name, _)| name.as_str()).collect();
        for name in
            ["longsync_calls_ended_total", "longsync_lateness_seconds", "longsync_connections"]
        {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        assert!(
            families
                .iter()
                .all(|(_, family)| !family.help.is_empty() && !family.samples.is_empty())
        );
        let accept = [("accept", "application/openmetrics-text")];
        let open_metrics = web.send("GET", "/metrics", &accept).await?;
        let samples = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
        };
        assert_eq!(samples(text.body()), samples(open_metrics.body()));
        assert!(open_metrics.body().ends_with("# EOF\n"));
        let head = web.send("HEAD", "/metrics", &[]).await?;
        assert_eq!(header(&head, "content-length"), text.body().len().to_string());
    }
    Ok(())
}

/// Scrapes are rendered by a thread that serves no calls, however many there are.
#[tokio::test(start_paused = true)]
async fn concurrent_scrapes_are_all_answered_with_the_calls_that_had_ended() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    raw.unary(&wait(ms(1)), &[]).await?.ended().await?;
    // They are read at the same time: together they are longer than the connection's window.
    let mut scrapes = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let scrape = raw.get("/metrics").await?;
        scrapes.spawn(async move { crate::harness::read(scrape.await?.into_body()).await });
    }
    while let Some(scraped) = scrapes.join_next().await {
        let (text, _) = scraped??;
        let text = String::from_utf8(text.to_vec())?;
        let line = "longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"answered\"} 1";
        assert!(text.lines().any(|it| it == line), "{text}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_draining_server_is_alive_and_not_ready() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut web = server.web2().await?;
    let _waiting = server.raw().await?.unary(&wait(ms(5_000)), &[]).await?;
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(web.get(path).await?.status(), 200, "{path}");
    }
    let mut other = server.web1().await?;
    let worker = std::sync::Arc::clone(&server.worker);
    let draining = tokio::spawn(async move { worker.drain().await });
    tokio::task::yield_now().await;
    for (path, status) in [("/healthz", 503), ("/livez", 200), ("/readyz", 503)] {
        // A connection that was opened before the signal is still answered once.
        let answer = if path == "/healthz" { other.get(path).await } else { web.get(path).await };
        if let Ok(answer) = answer {
            assert_eq!(answer.status(), status, "{path}");
        }
    }
    draining.abort();
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_behavior_header_given_twice_is_refused_as_the_query_is() -> Result<()> {
    let server = Memory::start(config()).await;
    let twice = [(longsync::BEHAVIOR_HEADER, "1ms"), (longsync::BEHAVIOR_HEADER, "1ms")];
    for mut web in both(&server).await? {
        let refused = web.send("GET", "/long_sync", &twice).await?;
        assert_eq!(refused.status(), 400);
        assert_eq!(refused.body(), "x-longsync-behavior: given twice: send it once\n");
    }
    let raw = server.raw().await?;
    for (_, rpc) in crate::harness::KINDS {
        let mut call = raw.open(rpc, &twice).await?;
        call.send(crate::harness::framed(&wait(ms(1))), true)?;
        let status = call.ended().await?.status;
        assert_eq!(crate::harness::bad_field(&status)?, longsync::BEHAVIOR_HEADER, "{rpc}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_behavior_header_is_checked_even_without_a_request() -> Result<()> {
    let raw = Memory::start(config()).await.raw().await?;
    for rpc in ["LongSyncCollect", "LongSyncExchange"] {
        for wrong in ["nonsense", "2h"] {
            let mut call = raw.open(rpc, &[(longsync::BEHAVIOR_HEADER, wrong)]).await?;
            call.send("", true)?;
            let status = call.ended().await?.status;
            assert_eq!(crate::harness::bad_field(&status)?, longsync::BEHAVIOR_HEADER, "{rpc}");
        }
        let mut call = raw.open(rpc, &[(longsync::BEHAVIOR_HEADER, "40ms")]).await?;
        call.send("", true)?;
        let ended = call.ended().await?;
        assert_eq!(ended.status.code(), Code::Ok, "{rpc}");
        if rpc == "LongSyncCollect" {
            let answer = longsync::v1::LongSyncCollectResponse::decode(&ended.data[5..])?;
            let timing = answer.timing.context("the answer has no timing")?;
            assert_eq!((timing.behavior.as_str(), answer.count), ("40ms", 0));
        }
    }
    Ok(())
}
