//! What callers may specify about their answers: nothing on a fixed server, and not everything on others.

use anyhow::Context as _;
use longsync::v1::{
    LongSyncCollectRequest, LongSyncExchangeRequest, LongSyncRequest, LongSyncStreamRequest,
};
use longsync_server::{Config, Options};
use tonic::{Code, Status};

use crate::harness::{
    Memory, Paused, Result, bad_field, checked, config, delay, ms, options, timed, with_headers,
};

const BEHAVIOR: &str = longsync::BEHAVIOR_HEADER;

fn fixed() -> Result<Config> {
    Ok(checked(Options { behavior: "uniform(1ms, 2ms)".parse()?, is_fixed: true, ..options() }))
}

fn asking(delay_ms: Option<u64>, behavior: &str) -> LongSyncRequest {
    LongSyncRequest {
        delay: delay_ms.and_then(|count| delay(ms(count))),
        behavior: behavior.to_owned(),
        ..LongSyncRequest::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_fixed_server_names_what_it_does_not_accept() -> Result<()> {
    let server = Memory::start(fixed()?).await;
    let (mut client, mut web) = (server.client().await?, server.web1().await?);
    let header = [(BEHAVIOR, "1ms")];
    for (request, headers, field) in [
        (asking(Some(1), ""), &[][..], "delay"),
        (asking(Some(0), ""), &[], "delay"),
        (asking(None, "uniform(1ms, 2ms)"), &[], "behavior"),
        (asking(None, "soon"), &[], "behavior"),
        (asking(None, ""), &header, BEHAVIOR),
        (asking(None, ""), &[(BEHAVIOR, "soon")], BEHAVIOR),
        (asking(Some(1), ""), &header, "delay"),
    ] {
        let clock = Paused::start();
        let request = with_headers(request, headers)?;
        let status = client.long_sync(request).await.expect_err("it is refused");
        assert_eq!(bad_field(&status)?, field);
        assert!(status.message().contains("this server's behavior is fixed"), "{status:?}");
        assert_eq!(clock.elapsed(), ms(0));
    }
    for (query, headers, field) in [
        ("?delay=1ms", &[][..], "delay: "),
        ("?behavior=1ms", &[], "behavior: "),
        ("?status=503", &[], "status: "),
        ("", &header, "x-longsync-behavior: "),
    ] {
        let refused = web.send("GET", &format!("/long_sync{query}"), headers).await?;
        assert_eq!(refused.status(), 400, "{query}");
        assert!(refused.body().starts_with(field), "{query}: {}", refused.body());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_fixed_server_accepts_names_attempts_and_payloads() -> Result<()> {
    let server = Memory::start(fixed()?).await;
    let mut client = server.client().await?;
    let request = LongSyncRequest {
        call_id: "order-1".into(),
        response_bytes: 7,
        ..LongSyncRequest::default()
    };
    let request = with_headers(request, &[("grpc-previous-rpc-attempts", "1")])?;
    let answer = client.long_sync(request).await?.into_inner();
    let timing = answer.timing.unwrap_or_default();
    assert_eq!((answer.payload.len(), timing.attempt), (7, 2));
    assert_eq!(timing.behavior, "uniform(1ms, 2ms)");
    assert_eq!(server.web1().await?.get("/long_sync?call_id=order-1").await?.status(), 200);
    Ok(())
}

/// The refusals of calls that send this behavior, in each possible way.
async fn refused_in_every_way(server: &Memory, text: &str) -> Result<Vec<Status>> {
    let mut client = server.client().await?;
    let behavior = || text.to_owned();
    let stream = LongSyncStreamRequest { behavior: behavior(), ..LongSyncStreamRequest::default() };
    let collect =
        LongSyncCollectRequest { behavior: behavior(), ..LongSyncCollectRequest::default() };
    let header = with_headers(LongSyncRequest::default(), &[(BEHAVIOR, text)])?;
    let refused = "it is refused";
    Ok(vec![
        client.long_sync(asking(None, text)).await.expect_err(refused),
        client.long_sync_stream(stream).await.expect_err(refused),
        client.long_sync_collect(tokio_stream::iter([collect])).await.expect_err(refused),
        client.long_sync(header).await.expect_err(refused),
    ])
}

#[tokio::test(start_paused = true)]
async fn only_the_server_itself_may_have_what_concerns_others_and_recordings() -> Result<()> {
    let server = Memory::start(config()).await;
    for text in [
        "stall(for=1s)",
        "5ms; stall(for=1s)",
        "queue(workers=1, limit=0)",
        "5ms; queue(workers=8, limit=100, order=lifo)",
        "goaway(1%)",
        "5ms; goaway(1%, CANCEL)",
        "drop(0%)",
        "5ms; drop(1%, rst)",
        "replay(\"a.csv\")",
        "mix(50%: 5ms, rest: replay(\"a.csv\"))",
        "attempts(5ms, replay(\"a.csv\"))",
    ] {
        let clause =
            ["queue", "stall", "goaway", "drop", "replay"].into_iter().find(|it| text.contains(it));
        let clause = clause.context("each text has one of them")?;
        let mut fields = Vec::new();
        for status in refused_in_every_way(&server, text).await? {
            fields.push(bad_field(&status)?);
            let said = status.message();
            assert!(said.contains("only the server's own --behavior may have"), "{said}");
            assert!(said.contains(&format!("may have a {clause}:")), "{said}");
        }
        assert_eq!(fields, ["behavior", "behavior", "behavior", BEHAVIOR], "{text}");
        let query = form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let refused = server.web1().await?.get(&format!("/long_sync?behavior={query}")).await?;
        assert_eq!(refused.status(), 400, "{text}");
        assert!(refused.body().starts_with("behavior: "), "{}", refused.body());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_asks_for_what_concerns_others_does_not_harm_its_connection() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let waits = raw.unary(&asking(Some(100), ""), &[]).await?;
    for text in ["goaway(100%)", "goaway(100%, CANCEL)", "drop(100%)", "drop(100%, rst)"] {
        let status = raw.unary(&asking(None, text), &[]).await?.ended().await?.status;
        assert_eq!(bad_field(&status)?, "behavior", "{text}");
        let mut web = server.web1().await?;
        let query = form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        assert_eq!(web.get(&format!("/long_sync?behavior={query}")).await?.status(), 400);
        assert_eq!(web.get("/long_sync?delay=1ms").await?.status(), 200, "{text}");
    }
    assert_eq!(waits.ended().await?.status.code(), Code::Ok);
    assert_eq!(server.snapshot().faults().map(|(_, count)| count).sum::<u64>(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stall_in_a_message_of_an_exchange_fails_only_that_message() -> Result<()> {
    let mut client = Memory::start(config()).await.client().await?;
    let requests =
        [(1, "stall(for=1s)"), (2, "1ms")].map(|(id, behavior)| LongSyncExchangeRequest {
            id,
            behavior: behavior.into(),
            ..LongSyncExchangeRequest::default()
        });
    let answers = client.long_sync_exchange(tokio_stream::iter(requests)).await?.into_inner();
    let came = timed(Paused::start(), answers).await?;
    let failures: Vec<_> = came
        .iter()
        .map(|(_, answer)| (answer.id, answer.failure.as_ref().map(|failure| failure.code)))
        .collect();
    assert_eq!(failures, [(1, Some(i32::from(Code::InvalidArgument))), (2, None)]);
    Ok(())
}
