//! The service of gRPC's interop tests. Their own clients run in tests/interop.

use longsync::frame::encoded;
use longsync::testing::{
    EchoStatus, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest,
    StreamingOutputCallResponse,
};
use longsync_server::{Behavior, Config, Limits, Options};
use prost::Message;
use tonic::Code;

use crate::harness::{
    HOUR, Memory, Paused, Raw, RawCall, Result, bad_field, checked, config, ms, options, quota,
    settle, wait,
};

const SERVICE: &str = "/grpc.testing.TestService";
const METHODS: [&str; 5] =
    ["EmptyCall", "UnaryCall", "StreamingOutputCall", "StreamingInputCall", "FullDuplexCall"];
/// The methods whose answers have intervals.
const WITH_INTERVALS: [&str; 2] = ["StreamingOutputCall", "FullDuplexCall"];
/// How many calls of other services than our own a connection may have.
const MOST: usize = 16;
const SECOND_US: i32 = 1_000_000;

fn with_interop() -> Config {
    checked(interop_options())
}

fn interop_options() -> Options {
    let max_delay = ms(2_000);
    let limits = Limits { max_response_bytes: 500_000, max_delay, ..Limits::default() };
    let behavior = Behavior::constant(ms(0));
    Options { has_interop: true, limits, behavior, ..options() }
}

async fn open(raw: &Raw, method: &str, headers: &[(&str, &str)]) -> Result<RawCall> {
    raw.open_path(&format!("{SERVICE}/{method}"), headers).await
}

/// A call with these messages, at whose end the stream ends.
async fn call(server: &Memory, method: &str, messages: &[impl Message]) -> Result<RawCall> {
    call_on(&server.raw().await?, method, &[], messages).await
}

async fn call_on(
    raw: &Raw,
    method: &str,
    headers: &[(&str, &str)],
    messages: &[impl Message],
) -> Result<RawCall> {
    let mut call = open(raw, method, headers).await?;
    let bytes: Vec<u8> = messages.iter().flat_map(|message| encoded(message).to_vec()).collect();
    call.send(bytes, true)?;
    Ok(call)
}

/// The bytes that the server holds, according to its metrics.
async fn held(server: &Memory) -> Result<u64> {
    let metrics = server.web1().await?.get("/metrics").await?;
    let line = metrics.body().lines().find_map(|it| it.strip_prefix("longsync_buffered_bytes "));
    Ok(line.unwrap_or_default().parse()?)
}

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
fn payload(bytes: usize) -> Option<Payload> {
    Some(Payload { body: vec![0; bytes].into() })
}

fn asking(sizes: &[i32], interval_us: i32) -> StreamingOutputCallRequest {
    let response_parameters =
        sizes.iter().map(|size| ResponseParameters { size: *size, interval_us }).collect();
    StreamingOutputCallRequest { response_parameters, ..StreamingOutputCallRequest::default() }
}

fn messages<M: Message + Default>(mut data: &[u8]) -> Result<Vec<M>> {
    let mut messages = Vec::new();
    while let [_, a, b, c, d, rest @ ..] = data {
        let (message, more) = rest.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        messages.push(M::decode(message)?);
        data = more;
    }
    Ok(messages)
}

#[tokio::test(start_paused = true)]
async fn without_the_flag_there_is_no_such_service() -> Result<()> {
    let (without, with) = (Memory::start(config()).await, Memory::start(with_interop()).await);
    for (server, method) in
        METHODS.map(|method| (&without, method)).into_iter().chain([(&with, "CacheableUnaryCall")])
    {
        let ended = call(server, method, &[SimpleRequest::default()]).await?.ended().await?;
        assert_eq!(ended.status.code(), Code::Unimplemented, "{method}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn payloads_are_as_large_as_asked_for() -> Result<()> {
    let server = Memory::start(with_interop()).await;
    let request = SimpleRequest {
        response_size: 314_159,
        payload: payload(271_828),
        ..SimpleRequest::default()
    };
    let ended = call(&server, "UnaryCall", &[request]).await?.ended().await?;
    assert_eq!(ended.status.code(), Code::Ok, "{:?}", ended.status);
    let answers: Vec<SimpleResponse> = messages(&ended.data)?;
    assert_eq!((ended.status.code(), answers[0].payload.clone()), (Code::Ok, payload(314_159)));

    let requests = [27_182, 8, 1_828, 45_904]
        .map(|bytes| StreamingInputCallRequest { payload: payload(bytes) });
    let ended = call(&server, "StreamingInputCall", &requests).await?.ended().await?;
    let answers: Vec<StreamingInputCallResponse> = messages(&ended.data)?;
    assert_eq!(answers[0].aggregated_payload_size, 74_922);

    let sizes = [31_415, 9, 2_653, 58_979];
    let asked = asking(&sizes, 0);
    let ended = call(&server, "StreamingOutputCall", &[asked]).await?.ended().await?;
    let answers: Vec<StreamingOutputCallResponse> = messages(&ended.data)?;
    let received: Vec<_> = answers.iter().map(|answer| answer.payload.clone()).collect();
    assert_eq!(received, sizes.map(|size| payload(size.unsigned_abs() as usize)));
    let metrics = server.web1().await?.get("/metrics").await?;
    assert!(metrics.body().contains("\nlongsync_buffered_bytes 0\n"), "{}", metrics.body());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn answers_wait_for_their_intervals() -> Result<()> {
    let server = Memory::start(with_interop()).await;
    let clock = Paused::start();
    let asked = [asking(&[1, 2], 100_000), asking(&[3], 300_000)];
    let ended = call(&server, "FullDuplexCall", &asked).await?.ended().await?;
    assert_eq!((ended.status.code(), clock.elapsed()), (Code::Ok, ms(500)));
    assert_eq!(messages::<StreamingOutputCallResponse>(&ended.data)?.len(), 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_with_the_status_that_it_asks_for() -> Result<()> {
    let server = Memory::start(with_interop()).await;
    let message = "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n";
    let response_status = Some(EchoStatus { code: 2, message: message.to_owned() });
    let unary =
        SimpleRequest { response_status: response_status.clone(), ..SimpleRequest::default() };
    let stream = StreamingOutputCallRequest { response_status, ..asking(&[], 0) };
    for ended in [
        call(&server, "UnaryCall", &[unary]).await?.ended().await?,
        call(&server, "FullDuplexCall", &[stream]).await?.ended().await?,
    ] {
        assert_eq!((ended.status.code(), ended.status.message()), (Code::Unknown, message));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_refused_with_the_field() -> Result<()> {
    let server = Memory::start(with_interop()).await;
    let response_status = Some(EchoStatus { code: 2, message: "x".repeat(1_025) });
    let long_status = StreamingOutputCallRequest { response_status, ..asking(&[], 0) };
    for response_size in [-1, 500_001] {
        let request = SimpleRequest { response_size, ..SimpleRequest::default() };
        let ended = call(&server, "UnaryCall", &[request]).await?.ended().await?;
        assert_eq!(bad_field(&ended.status)?, "response_size");
    }
    for (asked, field) in [
        (asking(&[-1], 0), "response_parameters.size"),
        (asking(&[1], -1), "response_parameters.interval_us"),
        (asking(&[1], 2_000_001), "response_parameters.interval_us"),
        (long_status, "response_status.message"),
    ] {
        let ended = call(&server, "StreamingOutputCall", &[asked]).await?.ended().await?;
        assert_eq!(bad_field(&ended.status)?, field);
    }
    Ok(())
}

/// A request of few bytes can ask for very many answers.
#[tokio::test(start_paused = true)]
async fn what_is_asked_for_is_held_in_memory_until_it_is_answered() -> Result<()> {
    let server = Memory::start(with_interop()).await;
    for method in WITH_INTERVALS {
        let call = call(&server, method, &[asking(&vec![0; 50_000], 1_000_000)]).await?;
        tokio::time::sleep(ms(10)).await;
        assert!(held(&server).await? >= 8 * 50_000, "{method}");
        drop(call);
        tokio::time::sleep(ms(10)).await;
        assert_eq!(held(&server).await?, 0, "{method}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn metadata_comes_back_in_headers_and_trailers() -> Result<()> {
    let server = Memory::start(with_interop()).await;
    let sent = [
        ("x-grpc-test-echo-initial", "test_initial_metadata_value"),
        ("x-grpc-test-echo-trailing-bin", "q6ur"),
    ];
    for (method, message) in [
        ("UnaryCall", encoded(&SimpleRequest::default())),
        ("FullDuplexCall", encoded(&asking(&[1], 0))),
    ] {
        let mut call = open(&server.raw().await?, method, &sent).await?;
        call.send(message, true)?;
        let answer = call.response.await?;
        assert_eq!(answer.headers()[sent[0].0], sent[0].1, "{method}");
        let (_, trailers) = crate::harness::read(answer.into_body()).await?;
        assert_eq!(trailers[sent[1].0], sent[1].1, "{method}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_during_an_interval_leaves_nothing_behind() -> Result<()> {
    let server = Memory::start(with_interop()).await;
    let raw = server.raw().await?;
    // More calls than a connection may have at once.
    for _ in 0..MOST {
        for method in WITH_INTERVALS {
            let asked = [asking(&[1, 1], SECOND_US)];
            let mut call = call_on(&raw, method, &[], &asked).await?;
            let mut answers = (&mut call.response).await?.into_body();
            let clock = Paused::start();
            answers.data().await.expect("the first answer")?;
            assert_eq!(clock.elapsed(), ms(1_000), "{method}");
            clock.until(ms(1_500)).await;
            assert!(held(&server).await? > 0, "{method}");
            call.reset();
            settle().await;
            assert_eq!(held(&server).await?, 0, "{method}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_during_an_interval_ends_the_call() -> Result<()> {
    let server = Memory::start(with_interop()).await;
    for method in WITH_INTERVALS {
        let clock = Paused::start();
        let timeout = [("grpc-timeout", "1500m")];
        let asked = [asking(&[7, 7], SECOND_US)];
        let call = call_on(&server.raw().await?, method, &timeout, &asked).await?;
        let ended = call.ended().await?;
        assert_eq!((ended.status.code(), clock.elapsed()), (Code::DeadlineExceeded, ms(1_500)));
        assert_eq!(messages::<StreamingOutputCallResponse>(&ended.data)?.len(), 1, "{method}");
        settle().await;
        assert_eq!(held(&server).await?, 0, "{method}");
    }
    Ok(())
}

/// It neither outlives the drain nor delays it, which a call of our own does.
#[tokio::test(start_paused = true)]
async fn a_drain_during_an_interval_ends_the_call() -> Result<()> {
    for method in WITH_INTERVALS {
        for has_own in [false, true] {
            let options = Options { drain: ms(300), ..interop_options() };
            let server = Memory::start(checked(options)).await;
            let raw = server.raw().await?;
            let asked = [asking(&[7, 7], SECOND_US)];
            let call = call_on(&raw, method, &[], &asked).await?;
            let own = if has_own { Some(raw.unary(&wait(ms(2_000)), &[]).await?) } else { None };
            tokio::time::sleep(ms(1_500)).await;
            let (worker, clock) = (server.worker.clone(), Paused::start());
            let draining = tokio::spawn(async move { worker.drain().await });
            let ended = call.ended().await?;
            let lasted = if has_own { ms(300) } else { ms(0) };
            assert_eq!((ended.status.code(), clock.elapsed()), (Code::Unavailable, lasted));
            assert_eq!(messages::<StreamingOutputCallResponse>(&ended.data)?.len(), 1, "{method}");
            draining.await?;
            if let Some(own) = own {
                assert_eq!(own.ended().await?.status.code(), Code::Unavailable);
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_holds_one_answer_and_not_all() -> Result<()> {
    const ANSWER: i32 = 400_000;
    let server = Memory::start(with_interop()).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    for method in WITH_INTERVALS {
        let unread = Raw::with(&builder, server.open().0).await?;
        let asked = asking(&[ANSWER; 100], 0);
        let mut call = open(&unread, method, &[]).await?;
        // A full duplex call may go on asking.
        let requests = if method == "FullDuplexCall" { 20 } else { 1 };
        for number in 1..=requests {
            call.send(encoded(&asked), number == requests)?;
        }
        let answers = (&mut call.response).await;
        for after in [1, 1_000, 3_600_000] {
            tokio::time::sleep(ms(after)).await;
            let held = held(&server).await?;
            let answer = u64::from(ANSWER.unsigned_abs());
            assert!((answer..2 * answer).contains(&held), "{method}: {held} after {after} ms");
        }
        drop((answers, call, unread));
        settle().await;
        assert_eq!(held(&server).await?, 0, "{method}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_at_most_16_such_calls_at_once() -> Result<()> {
    let server = Memory::start(with_interop()).await;
    let raw = server.raw().await?;
    let mut calls = Vec::new();
    for _ in 0..MOST {
        calls.push(open(&raw, "FullDuplexCall", &[]).await?);
    }
    settle().await;
    for method in METHODS {
        let refused = call_on(&raw, method, &[], &[SimpleRequest::default()]).await?;
        let status = refused.ended().await?.status;
        assert_eq!(quota(&status)?, "streams of other services", "{method}");
        assert!(status.message().contains("at most 16 streams"), "{status:?}");
    }
    // Neither other connections nor our own calls are affected.
    let other = call(&server, "UnaryCall", &[SimpleRequest::default()]).await?.ended().await?;
    assert_eq!(other.status.code(), Code::Ok, "{:?}", other.status);
    let own = raw.unary(&wait(ms(1)), &[]).await?.ended().await?;
    assert_eq!(own.status.code(), Code::Ok, "{:?}", own.status);
    let mut first = calls.swap_remove(0);
    first.send(encoded(&asking(&[1], 0)), true)?;
    assert_eq!(first.ended().await?.status.code(), Code::Ok);
    let again = call_on(&raw, "UnaryCall", &[], &[SimpleRequest::default()]).await?;
    assert_eq!(again.ended().await?.status.code(), Code::Ok);
    drop(calls);
    Ok(())
}

/// `fixed` is about behaviors, which these calls do not have, and neither do they count as calls.
#[tokio::test(start_paused = true)]
async fn they_have_no_behavior_and_no_metrics() -> Result<()> {
    let behavior = Behavior::constant(HOUR);
    let limits = Limits::default();
    let options = Options { is_fixed: true, behavior, limits, ..interop_options() };
    let server = Memory::start(checked(options)).await;
    let headers = [("x-longsync-behavior", "1h; fail(100%, ABORTED)")];
    let clock = Paused::start();
    for method in METHODS {
        let messages = [SimpleRequest::default()];
        let call = call_on(&server.raw().await?, method, &headers, &messages).await?;
        assert_eq!(call.ended().await?.status.code(), Code::Ok, "{method}");
    }
    assert_eq!(clock.elapsed(), ms(0));
    let started = |kind| server.snapshot().calls_started(kind);
    assert!(longsync_server::CallKind::ALL.into_iter().all(|kind| started(kind) == 0));
    Ok(())
}
