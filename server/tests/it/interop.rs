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

use crate::harness::{Memory, Paused, RawCall, Result, bad_field, checked, config, ms, options};

const SERVICE: &str = "/grpc.testing.TestService";

fn with_interop() -> Config {
    let max_delay = ms(2_000);
    let limits = Limits { max_response_bytes: 500_000, max_delay, ..Limits::default() };
    let behavior = Behavior::constant(ms(0));
    checked(Options { has_interop: true, limits, behavior, ..options() })
}

async fn open(server: &Memory, method: &str, headers: &[(&str, &str)]) -> Result<RawCall> {
    server.raw().await?.open_path(&format!("{SERVICE}/{method}"), headers).await
}

/// A call with these messages, at whose end the stream ends.
async fn call(server: &Memory, method: &str, messages: &[impl Message]) -> Result<RawCall> {
    let mut call = open(server, method, &[]).await?;
    let bytes: Vec<u8> = messages.iter().flat_map(|message| encoded(message).to_vec()).collect();
    call.send(bytes, true)?;
    Ok(call)
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
    let server = Memory::start(config()).await;
    let ended = call(&server, "EmptyCall", &[SimpleRequest::default()]).await?.ended().await?;
    assert_eq!(ended.status.code(), Code::Unimplemented);
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
    let held = async || -> Result<u64> {
        let metrics = server.web1().await?.get("/metrics").await?;
        let line =
            metrics.body().lines().find_map(|it| it.strip_prefix("longsync_buffered_bytes "));
        Ok(line.unwrap_or_default().parse()?)
    };
    for method in ["FullDuplexCall", "StreamingOutputCall"] {
        let call = call(&server, method, &[asking(&vec![0; 50_000], 1_000_000)]).await?;
        tokio::time::sleep(ms(10)).await;
        assert!(held().await? >= 8 * 50_000, "{method}");
        drop(call);
        tokio::time::sleep(ms(10)).await;
        assert_eq!(held().await?, 0, "{method}");
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
        let mut call = open(&server, method, &sent).await?;
        call.send(message, true)?;
        let answer = call.response.await?;
        assert_eq!(answer.headers()[sent[0].0], sent[0].1, "{method}");
        let (_, trailers) = crate::harness::read(answer.into_body()).await?;
        assert_eq!(trailers[sent[1].0], sent[1].1, "{method}");
    }
    Ok(())
}
