//! The draws of calls: each message draws its own delay, from the seed, the name of its call, the attempt and
//! the index.

use std::time::Duration;

use anyhow::Context as _;
use longsync::duration::from_proto;
use longsync::v1::{
    LongSyncCollectRequest, LongSyncExchangeRequest, LongSyncRequest, LongSyncStreamRequest, Timing,
};
use longsync_behavior::{Behavior, CallName, DrawKey};
use longsync_server::{Config, Limits, Options};

use crate::harness::{
    Memory, Paused, Result, bad_field, checked, ms, options, seen, timed, with_headers,
};

const SEED: u64 = 42;
const TAIL: &str = "lognormal(p50=10ms, p99=200ms)";
const BY_ATTEMPT: &str = "attempts(lognormal(p50=10ms, p99=200ms), uniform(1ms, 2ms))";
const CALL_ID: &str = longsync::CALL_ID_HEADER;

fn drawing(behavior: &str) -> Result<Config> {
    Ok(checked(Options { behavior: behavior.parse()?, seed: SEED, ..options() }))
}

/// What `behavior` draws for this key. The crate `longsync-behavior` has golden vectors for this.
fn drawn(behavior: &str, name: CallName<'_>, attempt: u32, index: u64) -> Result<Duration> {
    let behavior: Behavior = behavior.parse()?;
    Ok(behavior.draw(&DrawKey { seed: SEED, name, attempt, index }))
}

fn planned(timing: Option<&Timing>) -> Result<Duration> {
    Ok(seen(timing)?.0)
}

fn of_id(call_id: &str) -> LongSyncRequest {
    LongSyncRequest { call_id: call_id.to_owned(), ..LongSyncRequest::default() }
}

#[tokio::test(start_paused = true)]
async fn each_answer_of_a_stream_draws_its_own_delay() -> Result<()> {
    let mut client = Memory::start(drawing(TAIL)?).await.client().await?;
    let request = LongSyncStreamRequest {
        count: Some(20),
        call_id: "order-1".into(),
        ..LongSyncStreamRequest::default()
    };
    let clock = Paused::start();
    let came = timed(clock, client.long_sync_stream(request).await?.into_inner()).await?;
    let mut due = Duration::ZERO;
    for (index, (at, answer)) in (0..).zip(&came) {
        let expected = drawn(TAIL, CallName::Id("order-1"), 1, index)?;
        assert_eq!(planned(answer.timing.as_ref())?, expected, "answer {index}");
        due += expected;
        assert!((due..due + ms(1)).contains(at), "answer {index} came at {at:?}, due {due:?}");
    }
    assert_eq!(came.len(), 20);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_request_of_a_collect_draws_its_own_delay() -> Result<()> {
    let mut client = Memory::start(drawing(TAIL)?).await.client().await?;
    let ids = ["order-1", "", "own", ""];
    let names = ["order-1", "order-1", "own", "order-1"];
    let requests = ids.map(|id| LongSyncCollectRequest {
        call_id: id.to_owned(),
        ..LongSyncCollectRequest::default()
    });
    let answer = client.long_sync_collect(tokio_stream::iter(requests)).await?.into_inner();
    let mut expected = Duration::ZERO;
    for (index, name) in (0..).zip(names) {
        expected += drawn(TAIL, CallName::Id(name), 1, index)?;
    }
    assert_eq!(planned(answer.timing.as_ref())?, expected);
    Ok(())
}

/// Checks that the messages of an exchange with these ids plan what these names draw.
async fn exchanged(
    header: &[(&'static str, &str)],
    ids: [&str; 4],
    names: [CallName<'_>; 4],
) -> Result<()> {
    let mut client = Memory::start(drawing(TAIL)?).await.client().await?;
    let requests: Vec<_> = (0..)
        .zip(ids)
        .map(|(id, call_id)| LongSyncExchangeRequest {
            id,
            call_id: call_id.to_owned(),
            ..LongSyncExchangeRequest::default()
        })
        .collect();
    let request = with_headers(tokio_stream::iter(requests), header)?;
    let answers = client.long_sync_exchange(request).await?.into_inner();
    let came = timed(Paused::start(), answers).await?;
    assert_eq!(came.len(), ids.len());
    for (_, answer) in came {
        let name = names[usize::try_from(answer.id)?];
        let expected = drawn(TAIL, name, 1, answer.id)?;
        assert_eq!(planned(answer.timing.as_ref())?, expected, "message {} of {ids:?}", answer.id);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_of_an_exchange_draws_by_its_own_id_else_the_first_ones() -> Result<()> {
    let [a, own, header] = ["a", "own", "header"].map(CallName::Id);
    let numbers = CallName::Numbers { connection: 0, request: 0 };
    let with_header = [(CALL_ID, "header")];
    exchanged(&[], ["a", "", "own", ""], [a, a, own, a]).await?;
    exchanged(&with_header, ["a", "", "own", ""], [a, a, own, a]).await?;
    exchanged(&with_header, ["", "own", "a", ""], [header, own, a, header]).await?;
    exchanged(&[], ["", "own", "a", ""], [numbers, own, a, numbers]).await
}

#[tokio::test(start_paused = true)]
async fn a_call_draws_by_its_field_else_its_header_else_its_numbers() -> Result<()> {
    let server = Memory::start(drawing(TAIL)?).await;
    for connection in 0..3 {
        let mut client = server.client().await?;
        let header = [(CALL_ID, "header")];
        let numbers = |request| CallName::Numbers { connection, request };
        for (field, headers, name) in [
            ("", &[][..], numbers(0)),
            ("field", &header, CallName::Id("field")),
            ("", &header, CallName::Id("header")),
            ("", &[], numbers(3)),
            ("", &[(CALL_ID, "")], numbers(4)),
        ] {
            let request = with_headers(of_id(field), headers)?;
            let answer = client.long_sync(request).await?.into_inner();
            let expected = drawn(TAIL, name, 1, 0)?;
            assert_eq!(planned(answer.timing.as_ref())?, expected, "{name:?}");
        }
    }
    Ok(())
}

/// The `planned` of an HTTP answer, in milliseconds with three decimals.
async fn http_planned(server: &Memory, target: &str, headers: &[(&str, &str)]) -> Result<String> {
    let answer = server.web1().await?.send("GET", target, headers).await?;
    let timing =
        answer.headers().get("server-timing").context("the answer has no timing")?.to_str()?;
    let planned = timing.strip_prefix("planned;dur=").and_then(|rest| rest.split(',').next());
    Ok(planned.with_context(|| timing.to_owned())?.to_owned())
}

#[tokio::test(start_paused = true)]
async fn over_http_a_call_draws_by_its_query_else_its_header_else_its_numbers() -> Result<()> {
    let server = Memory::start(drawing(TAIL)?).await;
    let header = [(CALL_ID, "header")];
    for (target, headers, name) in [
        ("/long_sync", &[][..], CallName::Numbers { connection: 0, request: 0 }),
        ("/long_sync?call_id=query", &[], CallName::Id("query")),
        ("/long_sync?call_id=query", &header, CallName::Id("query")),
        ("/long_sync", &header, CallName::Id("header")),
        ("/long_sync?call_id=", &header, CallName::Id("header")),
        ("/long_sync", &[], CallName::Numbers { connection: 5, request: 0 }),
    ] {
        let expected = drawn(TAIL, name, 1, 0)?.as_secs_f64() * 1e3;
        let planned = http_planned(&server, target, headers).await?;
        assert_eq!(planned, format!("{expected:.3}"), "{target} {headers:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn every_request_of_a_connection_is_numbered_whether_it_is_a_call_or_not() -> Result<()> {
    let server = Memory::start(drawing(TAIL)?).await;
    let mut web = server.web1().await?;
    for target in ["/healthz", "/long_sync", "/nowhere", "/metrics"] {
        web.send("GET", target, &[]).await?;
    }
    let answer = web.send("GET", "/long_sync", &[]).await?;
    let timing =
        answer.headers().get("server-timing").context("the answer has no timing")?.to_str()?;
    let expected = drawn(TAIL, CallName::Numbers { connection: 0, request: 4 }, 1, 0)?;
    let expected = expected.as_secs_f64() * 1e3;
    assert!(timing.starts_with(&format!("planned;dur={expected:.3},")), "{timing}");
    Ok(())
}

/// Named calls draw the same wherever they are sent.
#[tokio::test(start_paused = true)]
async fn the_same_seed_and_call_id_draw_the_same_on_any_server() -> Result<()> {
    let mut delays = Vec::new();
    for seed in [SEED, SEED, SEED + 1] {
        let config = Options { behavior: TAIL.parse()?, seed, ..options() };
        let server = Memory::start(checked(config)).await;
        let (_first, mut second) = (server.client().await?, server.client().await?);
        let answer = second.long_sync(of_id("order-1")).await?.into_inner();
        delays.push(planned(answer.timing.as_ref())?);
    }
    assert_eq!(delays[0], delays[1]);
    assert_ne!(delays[0], delays[2]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_id_is_refused_if_it_is_too_long_repeated_or_not_ascii() -> Result<()> {
    let server = Memory::start(drawing(TAIL)?).await;
    let (raw, mut web) = (server.raw().await?, server.web1().await?);
    let (long, longest) = ("n".repeat(257), "n".repeat(256));
    for (headers, right) in [
        (&[(CALL_ID, long.as_str())][..], "at most 256"),
        (&[(CALL_ID, "a"), (CALL_ID, "a")], "send it once"),
        (&[(CALL_ID, "käse")], "plain ASCII text"),
    ] {
        let status = raw.unary(&of_id(""), headers).await?.ended().await?.status;
        assert_eq!(bad_field(&status)?, CALL_ID);
        assert!(status.message().contains(right), "{status:?}");
        let refused = web.send("GET", "/long_sync", headers).await?;
        assert_eq!(refused.status(), 400);
        assert_eq!(refused.body(), &format!("{}\n", status.message()));
    }
    let status = raw.unary(&of_id(&long), &[]).await?.ended().await?.status;
    assert_eq!(bad_field(&status)?, "call_id");
    let refused = web.get(&format!("/long_sync?call_id={long}")).await?;
    assert_eq!(
        (refused.status().as_u16(), &**refused.body()),
        (400, &*format!("{}\n", status.message()))
    );
    let mut client = server.client().await?;
    let answer = client.long_sync(of_id(&longest)).await?.into_inner();
    assert_eq!(planned(answer.timing.as_ref())?, drawn(TAIL, CallName::Id(&longest), 1, 0)?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_attempt_draws_anew_and_by_its_own_delays() -> Result<()> {
    const GRPC: &str = "grpc-previous-rpc-attempts";
    const ENVOY: &str = "x-envoy-attempt-count";
    let server = Memory::start(drawing(BY_ATTEMPT)?).await;
    let mut client = server.client().await?;
    for (headers, attempt) in [
        (&[][..], 1),
        (&[(GRPC, "0")], 1),
        (&[(GRPC, "1")], 2),
        (&[(GRPC, "6")], 7),
        (&[(ENVOY, "3")], 3),
        (&[(ENVOY, "0")], 1),
        (&[(ENVOY, "many")], 1),
        (&[(GRPC, "1"), (ENVOY, "5")], 2),
        (&[(GRPC, "0"), (ENVOY, "5")], 1),
    ] {
        let request = with_headers(of_id("order-1"), headers)?;
        let timing = client.long_sync(request).await?.into_inner().timing.unwrap_or_default();
        let expected = drawn(BY_ATTEMPT, CallName::Id("order-1"), attempt, 0)?;
        assert_eq!(timing.attempt, attempt, "{headers:?}");
        assert_eq!(planned(Some(&timing))?, expected, "{headers:?}");
        assert_eq!((ms(1)..ms(2)).contains(&expected), attempt > 1, "{expected:?}");
        let over_http = http_planned(&server, "/long_sync?call_id=order-1", headers).await?;
        assert_eq!(over_http, format!("{:.3}", expected.as_secs_f64() * 1e3), "{headers:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_canonical_text_has_the_longest_delay_unless_that_is_an_hour() -> Result<()> {
    const POINTS: &str = "percentiles(50=10ms, 99=200ms)";
    for (max_delay, text, canonical) in [
        ("1h", TAIL, TAIL),
        ("2h", TAIL, "lognormal(p50=10ms, p99=200ms) max 2h"),
        ("2h", "exponential( 5ms )", "exponential(5ms) max 2h"),
        ("2h", "exponential(5ms) max 1s", "exponential(5ms) max 1s"),
        ("1s", POINTS, "percentiles(50=10ms, 99=200ms) max 1s"),
        ("2h", POINTS, POINTS),
        ("2h", "uniform(1ms, 2ms)", "uniform(1ms, 2ms)"),
        ("2h", "250ms", "250ms"),
    ] {
        let max_delay = longsync_text::duration::parse(max_delay)?;
        let limits = Limits { max_delay, ..Limits::default() };
        let of_server = Options { behavior: text.parse()?, limits: limits.clone(), ..options() };
        let of_callers = Options { behavior: "1ms".parse()?, limits, ..options() };
        for (options, behavior) in [(of_server, ""), (of_callers, text)] {
            let options = Options { seed: SEED, ..options };
            let mut client = Memory::start(checked(options)).await.client().await?;
            let request = LongSyncRequest { behavior: behavior.into(), ..of_id("order-1") };
            let timing = client.long_sync(request).await?.into_inner().timing.unwrap_or_default();
            assert_eq!(timing.behavior, canonical);
            let planned = from_proto(&timing.planned.unwrap_or_default())?;
            // The text, the seed and the id determine the delay.
            assert_eq!(planned, drawn_within(&timing.behavior, max_delay)?, "{canonical}");
        }
    }
    Ok(())
}

/// What the text draws on a server with the default limit, provided that this is not below the text's own
/// `max`.
fn drawn_within(text: &str, max_delay: Duration) -> Result<Duration> {
    let behavior = Behavior::read(text, &longsync_behavior::Rules::caller(max_delay))?;
    Ok(behavior.draw(&DrawKey { seed: SEED, name: CallName::Id("order-1"), attempt: 1, index: 0 }))
}
