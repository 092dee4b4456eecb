//! Headers that the field already uses to ask for delays and faults: those of Envoy's fault filter, and
//! `rpc-behavior` of gRPC's own test servers.

use std::fmt::Write as _;

use longsync::v1::{
    LongSyncCollectRequest, LongSyncExchangeRequest, LongSyncRequest, LongSyncResponse,
};
use longsync_server::Options;
use tonic::{Code, Response, Status};

use crate::harness::{
    Memory, Paused, Result, checked, config, delay, ms, open_stream, options, timing_of, waits,
    with_headers,
};

const DELAY: &str = "x-envoy-fault-delay-request";
const DELAY_SHARE: &str = "x-envoy-fault-delay-request-percentage";
const ABORT: &str = "x-envoy-fault-abort-request";
const ABORT_CODE: &str = "x-envoy-fault-abort-grpc-request";
const ABORT_SHARE: &str = "x-envoy-fault-abort-request-percentage";
const RATE: &str = "x-envoy-fault-throughput-response";
const RPC_BEHAVIOR: &str = "rpc-behavior";

type SentHeaders<'a> = &'a [(&'static str, &'a str)];

fn behaving(behavior: &str) -> Result<Options> {
    Ok(Options { behavior: behavior.parse()?, ..options() })
}

async fn call(
    server: &Memory,
    headers: SentHeaders<'_>,
) -> Result<Result<Response<LongSyncResponse>, Status>> {
    let request = with_headers(LongSyncRequest::default(), headers)?;
    Ok(server.client().await?.long_sync(request).await)
}

#[tokio::test(start_paused = true)]
async fn envoys_delay_comes_before_the_behaviors_and_is_planned() -> Result<()> {
    let server = Memory::start(checked(behaving("40ms")?)).await;
    for (headers, planned) in [
        (&[(DELAY, "250")][..], 290),
        (&[(DELAY, "0")], 40),
        (&[(DELAY, "250"), (DELAY_SHARE, "0")], 40),
        (&[(DELAY, "250"), (DELAY_SHARE, "100")], 290),
        (&[(DELAY, "250"), (DELAY, "9000")], 290),
    ] {
        let clock = Paused::start();
        let answer = call(&server, headers).await??.into_inner();
        assert_eq!(clock.elapsed(), ms(planned), "{headers:?}");
        let timing = answer.timing.unwrap_or_default();
        assert_eq!(timing.planned, delay(ms(planned)), "{headers:?}");
        assert_eq!((timing.behavior.as_str(), timing.fault.as_str()), ("40ms", ""), "{headers:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn envoys_abort_comes_after_its_delay_in_place_of_everything_else() -> Result<()> {
    let server = Memory::start(checked(behaving("40ms; fail(100%, INTERNAL)")?)).await;
    for (headers, code, waited, fault) in [
        (&[(ABORT, "503")][..], Code::Unavailable, 0, "fail(100%, UNAVAILABLE)"),
        (&[(ABORT, "404")], Code::Unimplemented, 0, "fail(100%, UNIMPLEMENTED)"),
        (&[(ABORT, "200")], Code::Unknown, 0, "fail(100%, UNKNOWN)"),
        (&[(ABORT_CODE, "8")], Code::ResourceExhausted, 0, "fail(100%, RESOURCE_EXHAUSTED)"),
        (
            &[(ABORT, "401"), (ABORT_CODE, "8")],
            Code::Unauthenticated,
            0,
            "fail(100%, UNAUTHENTICATED)",
        ),
        (&[(DELAY, "250"), (ABORT, "503")], Code::Unavailable, 250, "fail(100%, UNAVAILABLE)"),
        (&[(ABORT, "503"), (ABORT_SHARE, "0")], Code::Internal, 40, "fail(100%, INTERNAL)"),
    ] {
        let clock = Paused::start();
        let status = call(&server, headers).await?.expect_err("it fails");
        assert_eq!((status.code(), clock.elapsed()), (code, ms(waited)), "{headers:?}");
        let timing = timing_of(&status)?;
        assert_eq!(
            (timing.fault.as_str(), timing.waited),
            (fault, delay(ms(waited))),
            "{headers:?}"
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_envoys_headers_do_the_same() -> Result<()> {
    let server = Memory::start(checked(behaving("40ms")?)).await;
    for mut web in [server.web1().await?, server.web2().await?] {
        for (headers, status, waited) in [
            (&[(DELAY, "250")][..], 200, 290),
            (&[(DELAY, "250"), (ABORT, "418")], 418, 250),
            (&[(ABORT, "200")], 200, 0),
            (&[(ABORT_CODE, "8")], 429, 0),
            (&[(ABORT, "204")], 204, 0),
            (&[(ABORT, "205")], 205, 0),
            (&[(ABORT, "304")], 304, 0),
        ] {
            let clock = Paused::start();
            let answer = web.send("GET", "/long_sync", headers).await?;
            assert_eq!(
                (answer.status().as_u16(), clock.elapsed()),
                (status, ms(waited)),
                "{headers:?}"
            );
            let may_have_content = ![204, 205, 304].contains(&status);
            assert_eq!(!answer.body().is_empty(), may_have_content, "{headers:?}");
            assert!(answer.headers().contains_key("server-timing"), "{headers:?}");
        }
        // The five bytes of `Done!` at 1 KiB/s take 4.9 ms; paused time passes in whole ones.
        let clock = Paused::start();
        let slow = web.send("GET", "/long_sync", &[(RATE, "1")]).await?;
        assert!(slow.headers()["server-timing"].to_str()?.contains("slow(100%, 1KiB/s)"));
        assert_eq!(clock.elapsed(), ms(45));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn rpc_behavior_replaces_the_servers_behavior_and_names_the_host() -> Result<()> {
    let server = Memory::start(checked(behaving("40ms; fail(100%, INTERNAL)")?)).await;
    let answer = call(&server, &[(RPC_BEHAVIOR, "sleep-2")]).await??;
    let host = answer.metadata().get("hostname").map(|host| host.to_str().map(str::to_owned));
    let host = host.transpose()?.expect("the answer names its host");
    let timing = answer.into_inner().timing.unwrap_or_default();
    assert_eq!((timing.behavior.as_str(), timing.planned), ("2s", delay(ms(2_000))));
    assert_eq!((timing.server, timing.fault), (host.clone(), String::new()));

    let own = format!("hostname={host} error-code-5");
    for (value, code, waited) in [
        ("error-code-14", Code::Unavailable, 0),
        ("sleep-1, error-code-14, error-code-5", Code::Unavailable, 1_000),
        (&own, Code::NotFound, 0),
        // No entry counts, so the server's own behavior does.
        ("hostname=elsewhere error-code-5", Code::Internal, 40),
        ("succeed-on-retry-attempt-1", Code::Internal, 40),
        ("unheard-of", Code::Internal, 40),
    ] {
        let clock = Paused::start();
        let status = call(&server, &[(RPC_BEHAVIOR, value)]).await?.expect_err("it fails");
        assert_eq!((status.code(), clock.elapsed()), (code, ms(waited)), "{value}");
    }
    let second = [(RPC_BEHAVIOR, "succeed-on-retry-attempt-1,error-code-14")];
    assert_eq!(call(&server, &second).await?.expect_err("it fails").code(), Code::Unavailable);
    let second = [second[0], ("grpc-previous-rpc-attempts", "1")];
    assert_eq!(call(&server, &second).await??.into_inner().message, "Done!");
    Ok(())
}

/// The request's own field comes first, then our header, then `rpc-behavior`; Envoy's headers come on top.
#[tokio::test(start_paused = true)]
async fn the_headers_have_an_order() -> Result<()> {
    let server = Memory::start(checked(behaving("40ms")?)).await;
    let all = [
        (longsync::BEHAVIOR_HEADER, "2ms; fail(100%, ABORTED)"),
        (RPC_BEHAVIOR, "sleep-1,error-code-5"),
        (DELAY, "100"),
    ];
    let mut client = server.client().await?;
    for (behavior, headers, code, planned) in [
        ("1ms; fail(100%, DATA_LOSS)", &all[..], Code::DataLoss, 101),
        ("", &all[..], Code::Aborted, 102),
        ("", &all[1..], Code::NotFound, 1_100),
    ] {
        let request =
            LongSyncRequest { behavior: behavior.to_owned(), ..LongSyncRequest::default() };
        let status = client.long_sync(with_headers(request, headers)?).await.expect_err("it fails");
        assert_eq!((status.code(), timing_of(&status)?.planned), (code, delay(ms(planned))));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn envoys_attempt_count_is_the_attempt_if_grpcs_is_missing() -> Result<()> {
    let attempts = "attempts(10ms, 20ms, 30ms)";
    let server = Memory::start(checked(behaving(attempts)?)).await;
    let deaf = Options { foreign_headers: false, ..behaving(attempts)? };
    let deaf = Memory::start(checked(deaf)).await;
    let (envoys, grpcs) = (("x-envoy-attempt-count", "2"), ("grpc-previous-rpc-attempts", "2"));
    for (server, headers, attempt) in [
        (&server, &[envoys][..], 2),
        (&server, &[envoys, grpcs], 3),
        (&server, &[("x-envoy-attempt-count", "0")], 1),
        (&deaf, &[envoys], 1),
        (&deaf, &[envoys, grpcs], 3),
    ] {
        let timing = call(server, headers).await??.into_inner().timing.unwrap_or_default();
        assert_eq!((timing.attempt, timing.planned), (attempt, delay(ms(10 * u64::from(attempt)))));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn without_foreign_headers_and_on_a_fixed_server_they_are_not_looked_at() -> Result<()> {
    for options in [
        Options { foreign_headers: false, ..behaving("40ms")? },
        Options { is_fixed: true, ..behaving("40ms")? },
    ] {
        let server = Memory::start(checked(options)).await;
        let clock = Paused::start();
        let answer =
            call(&server, &[(DELAY, "soon"), (ABORT, "503"), (RPC_BEHAVIOR, "error-code-x")])
                .await??;
        assert_eq!(clock.elapsed(), ms(40));
        assert_eq!(answer.metadata().get("hostname"), None);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_envoy_ignores_is_refused_with_what_would_be_right() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut web = server.web1().await?;
    let mut refusals = String::new();
    for (header, value) in [
        (DELAY, ""),
        (DELAY, "-1"),
        (DELAY, "1.5"),
        (DELAY, "10ms"),
        (DELAY, "3600001"),
        (DELAY, "99999999999999999999"),
        (DELAY_SHARE, "101"),
        (DELAY_SHARE, "5%"),
        (ABORT, "199"),
        (ABORT, "600"),
        (ABORT, "UNAVAILABLE"),
        (ABORT_CODE, "0"),
        (ABORT_CODE, "17"),
        (ABORT_CODE, "UNAVAILABLE"),
        (ABORT_SHARE, "-5"),
        (RATE, "0"),
        (RATE, "1KiB/s"),
        ("x-envoy-fault-throughput-response-percentage", "1e2"),
        (RPC_BEHAVIOR, "sleep-1s"),
        (RPC_BEHAVIOR, "sleep-"),
        (RPC_BEHAVIOR, "sleep-4000"),
        (RPC_BEHAVIOR, "error-code-0"),
        (RPC_BEHAVIOR, "error-code-17"),
        (RPC_BEHAVIOR, "error-code-UNAVAILABLE"),
        (RPC_BEHAVIOR, "succeed-on-retry-attempt-one"),
    ] {
        let clock = Paused::start();
        let status = call(&server, &[(header, value)]).await?.expect_err("it is refused");
        assert_eq!(
            (status.code(), clock.elapsed()),
            (Code::InvalidArgument, ms(0)),
            "{header}: {value}"
        );
        writeln!(refusals, "{header}: {value}\n    {}", status.message())?;
        let over_http = web.send("GET", "/long_sync", &[(header, value)]).await?;
        assert_eq!(over_http.status(), 400, "{header}: {value}");
        assert_eq!(over_http.body().trim_end(), status.message());
    }
    insta::assert_snapshot!(refusals);
    // Neither connection was harmed.
    assert_eq!(web.get("/long_sync?delay=1ms").await?.status(), 200);
    Ok(())
}

/// A message whose delay is `own_ms`.
fn message(id: u64, own_ms: u64) -> LongSyncExchangeRequest {
    LongSyncExchangeRequest { id, delay: delay(ms(own_ms)), ..LongSyncExchangeRequest::default() }
}

#[tokio::test(start_paused = true)]
async fn envoys_delay_holds_all_messages_of_an_exchange() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let (sender, messages) = open_stream();
    // Headers come at once: a client may wait for them before it sends anything.
    let clock = Paused::start();
    let request = with_headers(messages, &[(DELAY, "500")])?;
    let mut answers = client.long_sync_exchange(request).await?.into_inner();
    assert_eq!(clock.elapsed(), ms(0));
    sender.send(message(1, 20))?;
    sender.send(message(2, 0))?;
    for (id, at) in [(2, 500), (1, 520)] {
        let answer = answers.message().await?.expect("each message is answered");
        assert_eq!((answer.id, clock.elapsed()), (id, ms(at)));
        assert_eq!(answer.timing.unwrap_or_default().planned, delay(ms(at)));
    }
    sender.send(message(3, 20))?;
    answers.message().await?;
    assert_eq!(clock.elapsed(), ms(540), "its delay is over");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn envoys_abort_ends_streams_of_requests_that_stay_open_and_those_without_requests()
-> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let headers = [(DELAY, "500"), (ABORT, "503")];
    for messages in [&[][..], &[message(1, 9_000), message(2, 0)]] {
        let (sender, stream) = open_stream();
        messages.iter().try_for_each(|message| sender.send(message.clone()))?;
        // Without a message, the stream ends.
        let sender = (!messages.is_empty()).then_some(sender);
        let clock = Paused::start();
        let status = client.long_sync_exchange(with_headers(stream, &headers)?).await;
        let status = status.expect_err("it is aborted");
        assert_eq!((status.code(), clock.elapsed()), (Code::Unavailable, ms(500)));
        let timing = timing_of(&status)?;
        assert_eq!(timing.fault, "fail(100%, UNAVAILABLE)");
        drop(sender);

        let (sender, stream) = open_stream();
        let collected = |message: &LongSyncExchangeRequest| LongSyncCollectRequest {
            delay: message.delay,
            ..LongSyncCollectRequest::default()
        };
        messages.iter().try_for_each(|message| sender.send(collected(message)))?;
        let sender = (!messages.is_empty()).then_some(sender);
        let clock = Paused::start();
        let status = client.long_sync_collect(with_headers(stream, &headers)?).await;
        let status = status.expect_err("it is aborted");
        assert_eq!((status.code(), clock.elapsed()), (Code::Unavailable, ms(500)));
        let timing = timing_of(&status)?;
        assert_eq!((timing.planned, timing.waited), (delay(ms(500)), delay(ms(500))));
        drop(sender);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn envoys_abort_ends_a_stream_without_answers_after_its_delay() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let request = with_headers(waits(ms(20), 0), &[(DELAY, "500"), (ABORT, "503")])?;
    let status = client.long_sync_stream(request).await.expect_err("it is aborted");
    assert_eq!((status.code(), clock.elapsed()), (Code::Unavailable, ms(500)));
    let timing = timing_of(&status)?;
    assert_eq!((timing.planned, timing.waited), (delay(ms(500)), delay(ms(500))));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn envoys_abort_holds_although_the_first_message_of_an_exchange_is_refused() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = server.client().await?;
    let clock = Paused::start();
    let wrong = LongSyncExchangeRequest { behavior: "nonsense".to_owned(), ..message(1, 0) };
    let messages = tokio_stream::iter([wrong, message(2, 9_000)]);
    let request = with_headers(messages, &[(DELAY, "500"), (ABORT, "503")])?;
    let mut answers = client.long_sync_exchange(request).await?.into_inner();
    let refused = answers.message().await?.unwrap_or_default();
    assert!(refused.failure.is_some(), "{refused:?}");
    let status = answers.message().await.expect_err("it is aborted");
    assert_eq!((status.code(), clock.elapsed()), (Code::Unavailable, ms(500)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn envoys_abort_comes_before_the_status_that_a_query_asks_for() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut web = server.web1().await?;
    let clock = Paused::start();
    let answer = web.send("GET", "/long_sync?delay=5s&status=503", &[(ABORT, "418")]).await?;
    assert_eq!((answer.status().as_u16(), clock.elapsed()), (418, ms(0)));
    Ok(())
}

/// Whatever delay Envoy's headers ask for, it is not part of the time from which the windows are counted.
#[tokio::test(start_paused = true)]
async fn a_stall_counts_from_the_first_call_and_comes_after_envoys_delay() -> Result<()> {
    let stalled = "10ms; stall(at=300ms, for=1s, from=first_call)";
    let server = Memory::start(checked(behaving(stalled)?)).await;
    let timing = call(&server, &[(DELAY, "500")]).await??.into_inner().timing.unwrap_or_default();
    assert_eq!((timing.queued, timing.planned), (delay(ms(800)), delay(ms(510))));
    Ok(())
}
