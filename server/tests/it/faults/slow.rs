//! Answers that come slowly, byte by byte, or whose ends come late.

use std::time::Duration;

use longsync::v1::{LongSyncRequest, LongSyncStreamRequest};
use longsync_server::{CallKind, Limits, Options, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tonic::{Code, Status};

use super::{applied, behaving, bringing, clause, drain, ended, millis, server};
use crate::harness::{
    DATA, Frame, Frames, HEADERS, KINDS, Memory, Paused, RST_STREAM, Raw, Result, checked, config,
    delay, frame, framed, ms, open, quota, request, seen, settle, timing_of,
};

type TimedFrames = Vec<(Duration, Frame)>;

const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;

/// A request for this many bytes, in the form that all kinds of calls understand.
fn of_bytes(response_bytes: u32) -> LongSyncRequest {
    LongSyncRequest { response_bytes, ..LongSyncRequest::default() }
}

/// The frames of a call to a server with this behavior, each with its time of arrival.
async fn frames_of(text: &str, rpc: &str, message: &impl prost::Message) -> Result<TimedFrames> {
    let server = server(text).await?;
    let mut client = Frames::over(server.open().0).await?;
    let wide = (1_u32 << 30).to_be_bytes();
    client.send(SETTINGS, 0, 0, &[&[0, 4][..], &wide].concat()).await?;
    client.send(WINDOW_UPDATE, 0, 0, &wide).await?;
    let clock = Paused::start();
    client.write(&request(1, rpc, message)).await?;
    client.stream(1, clock).await
}

/// The times at which each number of bytes had come.
fn progress(frames: &TimedFrames) -> Vec<(usize, u128)> {
    let data = frames.iter().filter(|(_, frame)| frame.kind == DATA && !frame.payload.is_empty());
    let mut bytes = 0;
    data.map(|(at, frame)| {
        bytes += frame.payload.len();
        (bytes, millis(*at))
    })
    .collect()
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_has_headers_when_it_is_due_and_then_each_byte_at_its_time() -> Result<()> {
    for (kind, rpc) in KINDS {
        // A byte per millisecond, in pieces of 10 bytes.
        let came = frames_of("50ms; slow(100%, 1000B/s)", rpc, &of_bytes(300)).await?;
        let (first, last) = (&came[0], came.last().expect("it has ended"));
        // These may have more than one answer, and have headers before the first.
        let is_stream = matches!(kind, CallKind::LongSyncStream | CallKind::LongSyncExchange);
        let headers = if is_stream { 0 } else { 50 };
        assert_eq!((first.1.kind, millis(first.0)), (HEADERS, headers), "{kind}");
        let progress = progress(&came);
        let bytes = progress.last().map_or(0, |(bytes, _)| *bytes);
        assert!(bytes > 300 && progress.len() == bytes.div_ceil(10), "{kind}: {progress:?}");
        for (bytes, at) in progress {
            assert_eq!(at, 50 + bytes as u128, "{kind}");
        }
        assert_eq!((last.1.kind, millis(last.0)), (HEADERS, 50 + bytes as u128), "{kind}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_without_a_delay_is_slow_from_its_first_byte() -> Result<()> {
    for (kind, rpc) in KINDS {
        let came = frames_of("0s; slow(100%, 1000B/s)", rpc, &of_bytes(0)).await?;
        let progress = progress(&came);
        assert!(progress.len() > 5, "{kind}: {progress:?}");
        for (bytes, at) in progress {
            assert_eq!(at, bytes as u128, "{kind}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn at_less_than_a_byte_per_10_ms_bytes_come_one_at_a_time() -> Result<()> {
    let came = frames_of("0s; slow(100%, 40B/s)", "LongSync", &of_bytes(0)).await?;
    for (index, (bytes, at)) in progress(&came).into_iter().enumerate() {
        assert_eq!((bytes, at), (index + 1, 25 * (index as u128 + 1)));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_fast_rate_holds_for_answers_of_many_frames() -> Result<()> {
    const RATE: usize = 1024 * 1024;
    let came = frames_of("0s; slow(100%, 1MiB/s)", "LongSync", &of_bytes(2_000_000)).await?;
    let progress = progress(&came);
    for (bytes, at) in &progress {
        // Timers are exact to a millisecond.
        let due = (bytes * 1_000).div_ceil(RATE) as u128;
        assert!((due..=due + 1).contains(at), "{bytes} bytes at {at} ms");
    }
    assert!(progress.len() > 190, "{} pieces", progress.len());
    Ok(())
}

/// A slow connection does not save up the time in which nothing was sent.
#[tokio::test(start_paused = true)]
async fn each_answer_of_a_slow_stream_has_its_rate() -> Result<()> {
    let stream = LongSyncStreamRequest {
        count: Some(3),
        response_bytes: 300,
        ..LongSyncStreamRequest::default()
    };
    let came = frames_of("2s; slow(100%, 1000B/s)", "LongSyncStream", &stream).await?;
    let mut before = (0, 0);
    for (bytes, at) in progress(&came) {
        let (more, later) = (bytes - before.0, at - before.1);
        assert!(more <= 10 && later >= more as u128, "{bytes} bytes at {at} ms, after {before:?}");
        before = (bytes, at);
    }
    let end = came.last().map(|(at, _)| millis(*at));
    assert!(end.is_some_and(|end| end == before.1 && (6_300..9_000).contains(&end)), "{end:?}");
    Ok(())
}

/// Neither does it make up for the time in which its client read nothing.
#[tokio::test(start_paused = true)]
async fn after_a_closed_window_a_slow_answer_is_as_slow_as_before() -> Result<()> {
    let server = server("0s; slow(100%, 1000B/s)").await?;
    let mut client = Frames::over(server.open().0).await?;
    let clock = Paused::start();
    // SETTINGS: streams have a window of 100 bytes.
    client.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 100]).await?;
    client.write(&request(1, "LongSync", &of_bytes(40_000))).await?;
    clock.until(ms(60_000)).await;
    client.send(WINDOW_UPDATE, 0, 1, &100_000_u32.to_be_bytes()).await?;
    let came = progress(&client.stream(1, clock).await?);
    let bytes_at = |at: u128| {
        came.iter().filter(|(_, came)| *came <= at).map(|(bytes, _)| *bytes).max().unwrap_or(0)
    };
    // One piece that HTTP had already taken, and another.
    assert!(bytes_at(60_010) <= 130, "{} bytes", bytes_at(60_010));
    let end = came.last().map_or(0, |(_, at)| *at);
    assert!((99_900..100_300).contains(&end), "{end}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_middle_of_a_slow_answer_ends_it() -> Result<()> {
    let text = "0s; slow(100%, 1000B/s)";
    let server = server(text).await?;
    let mut client = Frames::over(server.open().0).await?;
    let clock = Paused::start();
    client.write(&open(1, "LongSync", &[("grpc-timeout", "105m")])).await?;
    client.send(DATA, 1, 1, &framed(&of_bytes(300))).await?;
    let came = client.stream(1, clock).await?;
    assert_eq!(progress(&came).last(), Some(&(100, 100)));
    let last = came.last().map(|(at, frame)| (frame.kind, millis(*at)));
    assert_eq!(last, Some((HEADERS, 105)));
    settle().await;
    assert_eq!(ended(&server, CallKind::LongSync, Outcome::DeadlineExceeded), 1);
    assert_eq!(applied(&server), [(clause(text)?, 1)]);
    Ok(())
}

/// The wait is over when the answer begins, and is still what the call's status reports.
#[tokio::test(start_paused = true)]
async fn a_call_that_ends_during_its_slow_answer_reports_its_wait_and_the_fault() -> Result<()> {
    for text in ["50ms; slow(100%, 1000B/s)", "50ms; late_trailers(100%, 10s)"] {
        for (kind, rpc) in KINDS {
            let server = server(text).await?;
            let raw = server.raw().await?;
            let mut call = raw.open(rpc, &[("grpc-timeout", "150m")]).await?;
            call.send(framed(&of_bytes(300)), true)?;
            let status = call.ended().await?.status;
            assert_eq!(status.code(), Code::DeadlineExceeded, "{kind}: {text}");
            reports_the_wait(&status, kind, text)?;
            settle().await;
            assert_eq!(applied(&server), [(clause(text)?, 1)]);
        }
    }
    Ok(())
}

fn reports_the_wait(status: &Status, kind: CallKind, text: &str) -> Result<()> {
    let timing = timing_of(status)?;
    assert_eq!(timing.fault, clause(text)?, "{kind}: {timing:?}");
    // The waits of an exchange are those of its messages.
    if kind != CallKind::LongSyncExchange {
        assert_eq!(seen(Some(&timing))?, (ms(50), ms(50)), "{kind}: {timing:?}");
        assert_eq!(timing.queued, delay(ms(0)), "{kind}: {timing:?}");
    }
    Ok(())
}

/// Without a fault, the answer may still be refused for its size.
#[tokio::test(start_paused = true)]
async fn a_call_whose_answer_has_no_room_in_memory_reports_its_wait() -> Result<()> {
    let limits = Limits { max_buffered_bytes: 100_000, ..Limits::default() };
    let server = Memory::start(checked(Options { limits, ..behaving("50ms")? })).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let unread = Raw::with(&builder, server.open().0).await?;
    let mut held = unread.open("LongSync", &[]).await?;
    held.send(framed(&of_bytes(60_000)), true)?;
    tokio::time::sleep(ms(100)).await;
    let mut call = server.raw().await?.open("LongSync", &[]).await?;
    call.send(framed(&of_bytes(60_000)), true)?;
    let status = call.ended().await?.status;
    assert_eq!(quota(&status)?, "max-buffered-bytes");
    assert_eq!(seen(Some(&timing_of(&status)?))?, (ms(50), ms(50)));
    drop(held);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_does_not_slow_down_others_of_its_connection() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = Frames::over(server.open().0).await?;
    let clock = Paused::start();
    client.write(&request(1, "LongSync", &bringing("0s; slow(100%, 1B/s)"))).await?;
    client.call(3, ms(100)).await?;
    let came = client.stream(3, clock).await?;
    assert_eq!(came.last().map(|(at, _)| millis(*at)), Some(100));
    client.send(RST_STREAM, 0, 1, &8_u32.to_be_bytes()).await?;
    settle().await;
    assert_eq!(ended(&server, CallKind::LongSync, Outcome::Cancelled), 1);
    Ok(())
}

/// What arrives after a request over HTTP/1.1, each piece with its time.
async fn pieces(mut io: DuplexStream, target: &str) -> Result<Vec<(u128, String)>> {
    let clock = Paused::start();
    let request = format!("GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    io.write_all(request.as_bytes()).await?;
    let mut pieces = Vec::new();
    loop {
        let mut bytes = vec![0; 64 * 1024];
        match io.read(&mut bytes).await? {
            0 => return Ok(pieces),
            read => {
                let piece = bytes[..read].escape_ascii().to_string();
                pieces.push((millis(clock.elapsed()), piece));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn over_http_a_slow_body_has_its_rate_and_its_length() -> Result<()> {
    let server = server("50ms; slow(100%, 1000B/s)").await?;
    let came = pieces(server.open().0, "/long_sync?bytes=100").await?;
    let (head, body) = came.split_first().expect("there is an answer");
    assert!(head.0 == 50 && head.1.contains("content-length: 100"), "{head:?}");
    let times: Vec<_> = body.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [60, 70, 80, 90, 100, 110, 120, 130, 140, 150]);
    let clock = Paused::start();
    let answer = server.web2().await?.get("/long_sync?bytes=100").await?;
    assert_eq!((answer.body().len(), millis(clock.elapsed())), (100, 150));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn late_trailers_come_exactly_that_much_after_the_last_answer() -> Result<()> {
    let text = "10ms; late_trailers(100%, 2s)";
    for (kind, rpc) in KINDS {
        let server = server(text).await?;
        let mut client = Frames::over(server.open().0).await?;
        let clock = Paused::start();
        client.write(&request(1, rpc, &LongSyncRequest::default())).await?;
        let came = client.stream(1, clock).await?;
        let times: Vec<_> = came.iter().map(|(at, frame)| (frame.kind, millis(*at))).collect();
        assert_eq!(times[times.len() - 2..], [(DATA, 10), (HEADERS, 2_010)], "{kind}");
        settle().await;
        assert_eq!(ended(&server, kind, Outcome::Answered), 1, "{kind}");
        assert_eq!(applied(&server), [(clause(text)?, 1)], "{kind}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn late_trailers_are_late_after_the_last_of_any_number_of_answers() -> Result<()> {
    for (count, last) in [(0, 0), (1, 10), (3, 30)] {
        let stream =
            LongSyncStreamRequest { count: Some(count), ..LongSyncStreamRequest::default() };
        let text = "10ms; late_trailers(100%, 2s)";
        let came = frames_of(text, "LongSyncStream", &stream).await?;
        let data = came.iter().filter(|(_, frame)| frame.kind == DATA);
        assert_eq!(data.map(|(at, _)| millis(*at)).max().unwrap_or(0), last, "{count}");
        let end = came.last().map(|(at, frame)| (frame.kind, millis(*at)));
        assert_eq!(end, Some((HEADERS, 2_000 + last)), "{count}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn late_trailers_are_late_after_the_last_byte_that_the_client_allowed() -> Result<()> {
    for (_, rpc) in KINDS {
        let server = server("0s; late_trailers(100%, 2s)").await?;
        let mut client = Frames::over(server.open().0).await?;
        let clock = Paused::start();
        // SETTINGS: streams have a window of 10 bytes.
        client.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 10]).await?;
        client.write(&request(1, rpc, &of_bytes(1_000))).await?;
        let mut before = Vec::new();
        while let Ok(frame) =
            tokio::time::timeout(ms(5_000).saturating_sub(clock.elapsed()), client.next()).await
        {
            before
                .extend(frame?.filter(|frame| frame.kind == DATA).map(|frame| frame.payload.len()));
        }
        assert_eq!(before, [10], "{rpc}");
        client.write(&frame(WINDOW_UPDATE, 0, 1, &100_000_u32.to_be_bytes())).await?;
        let came = client.stream(1, clock).await?;
        let times: Vec<_> = came.iter().map(|(at, frame)| (frame.kind, millis(*at))).collect();
        assert_eq!(times, [(DATA, 5_000), (HEADERS, 7_000)], "{rpc}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_before_late_trailers_ends_the_call() -> Result<()> {
    let server = server("10ms; late_trailers(100%, 2s)").await?;
    let raw = server.raw().await?;
    let clock = Paused::start();
    let call = raw.unary(&LongSyncRequest::default(), &[("grpc-timeout", "1S")]).await?;
    let status = call.ended().await?.status;
    assert_eq!((status.code(), millis(clock.elapsed())), (Code::DeadlineExceeded, 1_000));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_a_drain_the_rest_of_slow_and_late_answers_goes_out() -> Result<()> {
    for text in ["0s; late_trailers(100%, 1h)", "0s; slow(100%, 1B/s)"] {
        let drain_for = ms(1_000);
        let server = Memory::start(checked(Options { drain: drain_for, ..behaving(text)? })).await;
        let raw = server.raw().await?;
        let call = super::call(&raw, "LongSync", &of_bytes(0)).await?;
        let web = tokio::spawn(pieces(server.open().0, "/long_sync"));
        settle().await;
        let clock = Paused::start();
        drain(&server).await?;
        assert_eq!(clock.elapsed(), drain_for, "{text}");
        let whole = call.ended().await?;
        assert_eq!(whole.status.code(), Code::Ok, "{text}: {:?}", whole.status);
        let all: String = web.await??.into_iter().map(|(_, piece)| piece).collect();
        let end = if text.contains("late") { "0\\r\\n\\r\\n" } else { "\\r\\n\\r\\nDone!" };
        assert!(all.ends_with(end), "{text}: {all}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_before_late_trailers_has_cancelled() -> Result<()> {
    let server = server("10ms; late_trailers(100%, 2s)").await?;
    let mut client = Frames::over(server.open().0).await?;
    client.write(&request(1, "LongSync", &of_bytes(0))).await?;
    client.until(DATA).await?;
    client.send(RST_STREAM, 0, 1, &8_u32.to_be_bytes()).await?;
    settle().await;
    assert_eq!(ended(&server, CallKind::LongSync, Outcome::Cancelled), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_the_last_chunk_comes_late() -> Result<()> {
    let server = server("10ms; late_trailers(100%, 2s)").await?;
    let came = pieces(server.open().0, "/long_sync").await?;
    let (head, rest) = came.split_first().expect("there is an answer");
    assert!(head.0 == 10 && head.1.contains("transfer-encoding: chunked"), "{head:?}");
    let all: String = came.iter().map(|(_, piece)| piece.as_str()).collect();
    assert!(all.ends_with("\\r\\n\\r\\n5\\r\\nDone!\\r\\n0\\r\\n\\r\\n"), "{all}");
    assert_eq!(rest.last(), Some(&(2_010, "0\\r\\n\\r\\n".to_owned())));
    let mut client = Frames::over(server.open().0).await?;
    let clock = Paused::start();
    // :method GET, :scheme http, and a path that no table keeps.
    let block = [&[0x82, 0x86, 0x04, 10][..], b"/long_sync", &[0x01, 1, b'a']].concat();
    client.send(HEADERS, 5, 1, &block).await?;
    let came = client.stream(1, clock).await?;
    let times: Vec<_> = came.iter().map(|(at, frame)| (frame.kind, millis(*at))).collect();
    assert_eq!(times, [(HEADERS, 10), (DATA, 10), (DATA, 2_010)]);
    Ok(())
}
