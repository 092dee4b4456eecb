//! Connections that go away as the behavior of a call plans: gracefully, or with an error code.

use longsync::v1::{LongSyncRequest, LongSyncStreamRequest};
use longsync_server::{CallKind, Outcome};
use tonic::Code;

use super::{applied, clause, ended, header, millis, server};
use crate::harness::{
    DATA, Frame, Frames, GOAWAY, HEADERS, HOUR, KINDS, Paused, Result, frame, framed, ms, open,
    request, settle, timing_of, wait,
};

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const NO_ERROR: u32 = 0;
const ENHANCE_YOUR_CALM: u32 = 11;
const HIGHEST_STREAM: u32 = u32::MAX >> 1;

/// The last stream and the code of each GOAWAY.
fn goaways(frames: &[(std::time::Duration, Frame)]) -> Vec<(u32, u32)> {
    frames.iter().filter_map(|(_, frame)| frame.goaway()).collect()
}

/// When this stream ended, if it did.
fn end_of(frames: &[(std::time::Duration, Frame)], stream: u32) -> Option<u128> {
    let is_end = |frame: &Frame| frame.stream == stream && frame.ends_stream();
    frames.iter().find(|(_, frame)| is_end(frame)).map(|(at, _)| millis(*at))
}

#[tokio::test(start_paused = true)]
async fn a_graceful_goaway_answers_its_call_and_all_others_of_its_connection() -> Result<()> {
    let text = "10ms; goaway(100%)";
    for (kind, rpc) in KINDS {
        let server = server(text).await?;
        let mut client = Frames::over(server.open().0).await?;
        let clock = Paused::start();
        client.call(1, ms(300)).await?;
        client.write(&request(3, rpc, &LongSyncRequest::default())).await?;
        client.call(5, ms(100)).await?;
        let came = client.until_closed(clock).await?;
        assert_eq!(goaways(&came), [(HIGHEST_STREAM, NO_ERROR), (5, NO_ERROR)], "{kind}");
        let ends = [1, 3, 5].map(|stream| end_of(&came, stream));
        assert_eq!(ends, [Some(300), Some(10), Some(100)], "{kind}");
        settle().await;
        assert_eq!(ended(&server, kind, Outcome::Dropped), 0, "{kind}");
        assert_eq!(
            ended(&server, kind, Outcome::Answered),
            if kind == CallKind::LongSync { 3 } else { 1 }
        );
        assert_eq!(applied(&server), [(clause(text)?, 1)], "{kind}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn several_calls_that_plan_a_goaway_send_it_once() -> Result<()> {
    let server = server("10ms; goaway(100%)").await?;
    let mut client = Frames::over(server.open().0).await?;
    let clock = Paused::start();
    for (index, stream) in [1, 3, 5, 7].into_iter().enumerate() {
        clock.until(ms(3 * index as u64)).await;
        client.write(&request(stream, "LongSync", &LongSyncRequest::default())).await?;
    }
    let came = client.until_closed(clock).await?;
    assert_eq!(goaways(&came), [(HIGHEST_STREAM, NO_ERROR), (7, NO_ERROR)]);
    let ends = [1, 3, 5, 7].map(|stream| end_of(&came, stream));
    assert_eq!(ends, [Some(10), Some(13), Some(16), Some(19)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_connection_goes_away_has_the_fault_in_its_timing() -> Result<()> {
    let text = "10ms; goaway(100%)";
    let server = server(text).await?;
    let answer = server.client().await?.long_sync(LongSyncRequest::default()).await?.into_inner();
    assert_eq!(answer.timing.unwrap_or_default().fault, clause(text)?);
    let answer = server.web1().await?.get("/long_sync").await?;
    assert_eq!((answer.status().as_u16(), header(&answer, "connection")), (200, Some("close")));
    assert!(
        header(&answer, "server-timing")
            .is_some_and(|it| it.ends_with(r#"fault;desc="goaway(100%)""#))
    );
    Ok(())
}

/// It comes with the first answer, after which the stream may still end early.
#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_after_its_goaway_has_the_fault_in_its_timing() -> Result<()> {
    let server = server("10ms; goaway(100%)").await?;
    let mut call = server.raw().await?.open("LongSyncStream", &[("grpc-timeout", "25m")]).await?;
    call.send(
        framed(&LongSyncStreamRequest { count: Some(5), ..LongSyncStreamRequest::default() }),
        true,
    )?;
    let status = call.ended().await?.status;
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(timing_of(&status)?.fault, "goaway(100%)");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_2_a_graceful_goaway_is_only_in_frames() -> Result<()> {
    let server = server("10ms; goaway(100%)").await?;
    let mut web = server.web2().await?;
    let answer = web.get("/long_sync").await?;
    assert_eq!((answer.status().as_u16(), header(&answer, "connection")), (200, None));
    settle().await;
    assert!(web.get("/long_sync").await.is_err(), "the connection has gone away");
    Ok(())
}

/// As a client of HTTP/1.1 without a keep-alive of its own sees it.
#[tokio::test(start_paused = true)]
async fn over_http_1_a_graceful_goaway_closes_after_the_answer() -> Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = server("10ms; goaway(100%)").await?;
    let mut io = server.open().0;
    let clock = Paused::start();
    io.write_all(b"GET /long_sync HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    let mut answer = String::new();
    io.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("Done!"), "{answer}");
    assert!(clock.elapsed() < ms(1_000), "{:?}", clock.elapsed());
    Ok(())
}

/// A complete call to a collect, whose request ends with trailers.
fn with_trailers(stream: u32) -> Vec<u8> {
    let trailers = frame(HEADERS, END_STREAM | END_HEADERS, stream, b"\0\x01a\x01b");
    let message = framed(&wait(ms(1)));
    [open(stream, "LongSyncCollect", &[]), frame(DATA, 0, stream, &message), trailers].concat()
}

#[tokio::test(start_paused = true)]
async fn a_goaway_with_a_code_names_the_stream_below_its_call_and_drops_the_rest() -> Result<()> {
    let text = "10ms; goaway(100%, ENHANCE_YOUR_CALM)";
    for (kind, rpc) in KINDS {
        let server = server(text).await?;
        let mut client = Frames::over(server.open().0).await?;
        let clock = Paused::start();
        client.call(1, HOUR).await?;
        // Streams that have ended before, one of them with trailers, and numbers that were left out.
        client.call(3, ms(1)).await?;
        client.write(&with_trailers(9)).await?;
        settle().await;
        settle().await;
        client.write(&request(13, rpc, &LongSyncRequest::default())).await?;
        client.call(15, HOUR).await?;
        let came = client.until_closed(clock).await?;
        assert_eq!(goaways(&came), [(11, ENHANCE_YOUR_CALM)], "{kind}");
        let last = came.last().expect("it has read something");
        assert_eq!((last.1.kind, millis(last.0)), (GOAWAY, 12), "{kind}");
        let ends = [1, 3, 9, 13, 15].map(|stream| end_of(&came, stream).is_some());
        assert_eq!(ends, [false, true, true, false, false], "{kind}");
        settle().await;
        let dropped = if kind == CallKind::LongSync { 3 } else { 2 };
        assert_eq!(ended(&server, CallKind::LongSync, Outcome::Dropped), dropped, "{kind}");
        assert_eq!(ended(&server, kind, Outcome::Dropped), if dropped == 3 { 3 } else { 1 });
        assert_eq!(server.snapshot().calls_in_flight(), 0);
        // Only one call has had the fault.
        assert_eq!(applied(&server), [(clause(text)?, 1)], "{kind}");
    }
    Ok(())
}

/// Streams whose requests HTTP/2 itself refuses, or whose clients leave before they are routed, have numbers
/// too, and so do requests that are not calls.
#[tokio::test(start_paused = true)]
async fn the_last_stream_is_right_whatever_streams_came_before() -> Result<()> {
    const RST_STREAM: u8 = 3;
    const CONTINUATION: u8 = 9;
    let server = server("0s; goaway(100%, CANCEL)").await?;
    let get = |stream: u32, path: &str| {
        let length = u8::try_from(path.len()).expect("a path is short");
        // :method GET, :scheme http, :path, and :authority
        let block = [&[0x82, 0x86, 0x04, length][..], path.as_bytes(), &[0x01, 1, b'a']].concat();
        frame(HEADERS, END_STREAM | END_HEADERS, stream, &block)
    };
    let many = [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat().repeat(150);
    let too_long = |stream: u32| {
        let first = [&[0x83, 0x86, 0x04, 1, b'/', 0x01, 1, b'a'][..], &many].concat();
        [
            frame(HEADERS, END_STREAM, stream, &first),
            frame(CONTINUATION, END_HEADERS, stream, &many),
        ]
        .concat()
    };
    let before = [
        get(1, "/livez"),
        // Without a path, and therefore malformed.
        frame(HEADERS, END_STREAM | END_HEADERS, 3, &[0x82, 0x86]),
        too_long(5),
        open(7, "LongSync", &[]),
        frame(RST_STREAM, 0, 7, &8_u32.to_be_bytes()),
        crate::harness::unary(9, &wait(HOUR)),
        with_trailers(21),
        open(23, "NoSuchMethod", &[]),
    ];
    let call = request(31, "LongSync", &LongSyncRequest::default());
    let after = crate::harness::unary(33, &wait(HOUR));
    for at_once in [true, false] {
        let mut client = Frames::over(server.open().0).await?;
        let all = before.iter().chain([&call, &after]);
        if at_once {
            client.write(&all.flatten().copied().collect::<Vec<_>>()).await?;
        } else {
            for frames in all {
                client.write(frames).await?;
                settle().await;
            }
        }
        let came = client.until_closed(Paused::start()).await?;
        assert_eq!(goaways(&came), [(29, 8)], "{at_once}: {came:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_code_of_a_goaway_is_on_the_wire_and_the_first_call_has_none_below_it() -> Result<()> {
    for code in 0..14 {
        let server = server(&format!("0s; goaway(100%, {code})")).await?;
        let mut client = Frames::over(server.open().0).await?;
        client.write(&request(1, "LongSync", &LongSyncRequest::default())).await?;
        let came = client.until_closed(Paused::start()).await?;
        assert_eq!(goaways(&came), [(0, code)]);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn answers_before_a_goaway_with_a_code_go_out() -> Result<()> {
    for delay in ["0s", "10ms"] {
        let server = server(&format!("{delay}; goaway(100%, CANCEL, at=2)")).await?;
        let mut client = Frames::over(server.open().0).await?;
        let stream = LongSyncStreamRequest {
            count: Some(5),
            response_bytes: 20_000,
            ..LongSyncStreamRequest::default()
        };
        client.write(&request(1, "LongSyncStream", &stream)).await?;
        let came = client.until_closed(Paused::start()).await?;
        let data = came.iter().filter(|(_, frame)| frame.kind == DATA);
        let bytes: usize = data.map(|(_, frame)| frame.payload.len()).sum();
        assert!((40_000..41_000).contains(&bytes), "{delay}: {bytes}");
        assert_eq!(goaways(&came), [(0, 8)], "{delay}");
        assert_eq!(end_of(&came, 1), None, "{delay}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_a_goaway_with_a_code_leaves_no_answer() -> Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = server("10ms; goaway(100%, CANCEL)").await?;
    let mut io = server.open().0;
    io.write_all(b"GET /long_sync HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    let mut answer = Vec::new();
    io.read_to_end(&mut answer).await?;
    assert_eq!(answer.escape_ascii().to_string(), "");
    let raw = server.raw().await?;
    let why = raw.get("/long_sync").await?.await.expect_err("the connection goes away");
    assert_eq!((why.is_go_away(), why.reason()), (true, Some(h2::Reason::CANCEL)));
    settle().await;
    assert_eq!(ended(&server, CallKind::Http, Outcome::Dropped), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_the_connection_of_the_call_goes_away() -> Result<()> {
    let server = server("10ms; goaway(100%, CANCEL)").await?;
    let (hit, other) = (server.raw().await?, server.raw().await?);
    let waits = other.unary(&wait(ms(500)), &[]).await?;
    let call = super::call(&hit, "LongSync", &LongSyncRequest::default()).await?;
    assert!(call.ended().await.is_err());
    let status = waits.ended().await?.status;
    assert_eq!(status.code(), Code::Ok, "{status:?}");
    assert!(timing_of(&status).is_err(), "an answer has no details");
    Ok(())
}
