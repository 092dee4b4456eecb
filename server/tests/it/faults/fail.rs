//! Errors: their status, their hints to clients that try again, and their timing.

use longsync::v1::LongSyncRequest;
use longsync_server::{CallKind, Outcome};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{applied, bringing, call, clause, ended, header, server, target};
use crate::harness::{KINDS, Memory, Paused, Result, config, delay, ms, timing_of};

const HINTS: &str =
    r#"50ms; fail(100%, RESOURCE_EXHAUSTED, "all \"busy\"", retry_info=1500ms, pushback=250ms)"#;

fn pushback(status: &Status) -> Option<&str> {
    status.metadata().get("grpc-retry-pushback-ms").and_then(|value| value.to_str().ok())
}

#[tokio::test(start_paused = true)]
async fn an_error_comes_when_the_answer_was_due_with_its_hints_and_its_timing() -> Result<()> {
    let server = server(HINTS).await?;
    let raw = server.raw().await?;
    for (kind, rpc) in &KINDS[..3] {
        let clock = Paused::start();
        let failed = call(&raw, rpc, &LongSyncRequest::default()).await?.ended().await?;
        assert_eq!(clock.elapsed(), ms(50), "{kind}");
        assert!(failed.is_trailers_only && failed.data.is_empty(), "{kind}");
        assert_eq!(failed.http, 200);
        let status = failed.status;
        assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "all \"busy\""));
        let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
        assert_eq!((retry, pushback(&status)), (Some(ms(1_500)), Some("250")), "{kind}");
        let timing = timing_of(&status)?;
        assert_eq!((timing.planned, timing.waited), (delay(ms(50)), delay(ms(50))), "{kind}");
        assert_eq!((timing.queued, timing.fault), (delay(ms(0)), clause(HINTS)?), "{kind}");
        assert!(timing.received_at.is_some() && timing.behavior.starts_with("50ms; fail("));
        assert_eq!(ended(&server, *kind, Outcome::Failed), 1, "{kind}");
    }
    assert_eq!(applied(&server), [(clause(HINTS)?, 3)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_error_before_the_wait_comes_at_once_and_has_planned_nothing() -> Result<()> {
    let text = "5s; fail(100%, UNAVAILABLE, when=before, pushback=never); stall(for=9s)";
    let server = server(text).await?;
    let raw = server.raw().await?;
    let clock = Paused::start();
    for (kind, rpc) in &KINDS[..3] {
        let failed = call(&raw, rpc, &LongSyncRequest::default()).await?.ended().await?;
        assert!(failed.is_trailers_only, "{kind}");
        let status = failed.status;
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "planned by longsync"));
        assert!(status.get_details_retry_info().is_none(), "{kind}");
        assert_eq!(pushback(&status), Some("-1"), "{kind}");
        let timing = timing_of(&status)?;
        assert_eq!((timing.planned, timing.queued), (None, None), "{kind}");
        assert_eq!((timing.waited, timing.fault), (delay(ms(0)), clause(text)?), "{kind}");
    }
    let failed = server.web1().await?.get("/long_sync").await?;
    let expected =
        r#"waited;dur=0.000, fault;desc="fail(100%, UNAVAILABLE, when=before, pushback=never)""#;
    assert_eq!((failed.status().as_u16(), header(&failed, "server-timing")), (503, Some(expected)));
    assert_eq!(clock.elapsed(), ms(0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_has_stood_in_the_stall_before() -> Result<()> {
    let server = server("50ms; fail(100%, UNAVAILABLE); stall(for=100ms)").await?;
    let failed = call(&server.raw().await?, "LongSync", &LongSyncRequest::default()).await?;
    let timing = timing_of(&failed.ended().await?.status)?;
    assert_eq!((timing.queued, timing.planned), (delay(ms(100)), delay(ms(50))));
    assert_eq!(timing.waited, delay(ms(150)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_an_error_has_its_own_status_and_retry_after() -> Result<()> {
    let server = server(HINTS).await?;
    let text = r#"planned;dur=50.000, waited;dur=50.000, queued;dur=0.000, fault;desc="fail(100%, RESOURCE_EXHAUSTED, \"all \\\"busy\\\"\", retry_info=1.5s, pushback=250ms)""#;
    for mut web in [server.web1().await?, server.web2().await?] {
        // The connection stays usable.
        for _ in 0..2 {
            let clock = Paused::start();
            let failed = web.get("/long_sync").await?;
            assert_eq!(clock.elapsed(), ms(50));
            assert_eq!(failed.status(), 429);
            assert_eq!(failed.body(), "all \"busy\"\n");
            assert_eq!(header(&failed, "retry-after"), Some("2"));
            assert_eq!(header(&failed, "server-timing"), Some(text));
            assert_eq!(header(&failed, "grpc-retry-pushback-ms"), None);
        }
    }
    assert_eq!(ended(&server, CallKind::Http, Outcome::Failed), 4);
    Ok(())
}

/// As google.rpc.Code lists them.
#[tokio::test(start_paused = true)]
async fn over_http_a_grpc_code_is_the_status_that_google_gives_it() -> Result<()> {
    let mut web = Memory::start(config()).await.web1().await?;
    for (code, status) in [
        ("CANCELLED", 499),
        ("UNKNOWN", 500),
        ("INVALID_ARGUMENT", 400),
        ("DEADLINE_EXCEEDED", 504),
        ("NOT_FOUND", 404),
        ("ALREADY_EXISTS", 409),
        ("PERMISSION_DENIED", 403),
        ("RESOURCE_EXHAUSTED", 429),
        ("FAILED_PRECONDITION", 400),
        ("ABORTED", 409),
        ("OUT_OF_RANGE", 400),
        ("UNIMPLEMENTED", 501),
        ("INTERNAL", 500),
        ("UNAVAILABLE", 503),
        ("DATA_LOSS", 500),
        ("UNAUTHENTICATED", 401),
    ] {
        let failed = web.get(&target(&format!("fail(100%, {code})"))).await?;
        assert_eq!(failed.status().as_u16(), status, "{code}");
    }
    Ok(())
}

/// As gRPC's http-grpc-status-mapping has them.
#[tokio::test(start_paused = true)]
async fn over_grpc_an_http_status_is_the_code_that_a_client_would_make_of_it() -> Result<()> {
    let server = Memory::start(config()).await;
    let (raw, mut web) = (server.raw().await?, server.web2().await?);
    for (http, code) in [
        (400, Code::Internal),
        (401, Code::Unauthenticated),
        (403, Code::PermissionDenied),
        (404, Code::Unimplemented),
        (418, Code::Unknown),
        (429, Code::Unavailable),
        (500, Code::Unknown),
        (502, Code::Unavailable),
        (503, Code::Unavailable),
        (504, Code::Unavailable),
        (599, Code::Unknown),
    ] {
        let text = format!("fail(100%, {http})");
        let failed = call(&raw, "LongSync", &bringing(&text)).await?.ended().await?;
        assert_eq!((failed.http.as_u16(), failed.status.code()), (200, code), "{http}");
        assert_eq!(web.get(&target(&text)).await?.status().as_u16(), http);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn every_grpc_code_arrives_as_itself() -> Result<()> {
    let raw = Memory::start(config()).await.raw().await?;
    for number in 1..=16 {
        let request = bringing(&format!("fail(100%, {number})"));
        let status = call(&raw, "LongSync", &request).await?.ended().await?.status;
        assert_eq!(status.code(), Code::from_i32(number));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_status_in_the_query_is_an_error_after_the_delay() -> Result<()> {
    let server = Memory::start(config()).await;
    let clock = Paused::start();
    for mut web in [server.web1().await?, server.web2().await?] {
        let failed = web.get("/long_sync?status=418&delay=30ms").await?;
        assert_eq!((failed.status().as_u16(), &**failed.body()), (418, "planned by longsync\n"));
        let timing = header(&failed, "server-timing").unwrap_or_default();
        assert!(timing.starts_with("planned;dur=30.000,"), "{timing}");
        assert!(timing.ends_with(r#"fault;desc="fail(100%, 418)""#), "{timing}");
    }
    assert_eq!(clock.elapsed(), ms(60));
    assert_eq!(applied(&server), [("(caller)".to_owned(), 2)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_before_the_error_is_due_ends_the_call() -> Result<()> {
    let server = server("1s; fail(100%, ABORTED)").await?;
    let raw = server.raw().await?;
    let timed = raw.unary(&LongSyncRequest::default(), &[("grpc-timeout", "500m")]).await?;
    let status = timed.ended().await?.status;
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(timing_of(&status)?.fault, "");
    assert_eq!(ended(&server, CallKind::LongSync, Outcome::DeadlineExceeded), 1);
    assert!(applied(&server).is_empty());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_head_and_post_have_the_same_error() -> Result<()> {
    let server = server("10ms; fail(100%, 418, retry_info=3s)").await?;
    for mut web in [server.web1().await?, server.web2().await?] {
        for (method, body) in
            [("HEAD", ""), ("POST", "planned by longsync\n"), ("GET", "planned by longsync\n")]
        {
            let clock = Paused::start();
            let failed = web.send(method, "/long_sync", &[]).await?;
            assert_eq!((failed.status().as_u16(), &**failed.body()), (418, body), "{method}");
            assert_eq!(header(&failed, "retry-after"), Some("3"), "{method}");
            assert_eq!(clock.elapsed(), ms(10), "{method}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn our_header_brings_an_error_which_a_field_or_query_replaces() -> Result<()> {
    const HEADER: [(&str, &str); 1] = [("x-longsync-behavior", "7ms; fail(100%, NOT_FOUND)")];
    let server = server("1ms; fail(100%, ABORTED)").await?;
    let raw = server.raw().await?;
    for (kind, rpc) in &KINDS[..3] {
        for (request, code, fault) in [
            (LongSyncRequest::default(), Code::NotFound, "fail(100%, NOT_FOUND)"),
            (bringing("fail(100%, INTERNAL)"), Code::Internal, "fail(100%, INTERNAL)"),
            (crate::harness::wait(ms(2)), Code::Ok, ""),
        ] {
            let mut call = raw.open(rpc, &HEADER).await?;
            call.send(crate::harness::framed(&request), true)?;
            let status = call.ended().await?.status;
            assert_eq!(status.code(), code, "{kind}: {fault}");
            if code != Code::Ok {
                assert_eq!(timing_of(&status)?.fault, fault, "{kind}");
            }
        }
    }
    let mut web = server.web1().await?;
    assert_eq!(web.send("GET", "/long_sync", &HEADER).await?.status(), 404);
    assert_eq!(web.send("GET", "/long_sync?delay=1ms", &HEADER).await?.status(), 200);
    // A status alone leaves the delay of the header as it is.
    let clock = Paused::start();
    assert_eq!(web.send("GET", "/long_sync?status=503", &HEADER).await?.status(), 503);
    assert_eq!(clock.elapsed(), ms(7));
    Ok(())
}
