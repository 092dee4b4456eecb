//! Connections that are dropped: closed or reset, without a word.

use longsync::v1::{LongSyncRequest, LongSyncStreamRequest};
use longsync_server::{CallKind, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{applied, behaving, clause, ended, millis, server};
use crate::harness::{
    DATA, Frames, GOAWAY, HOUR, KINDS, Paused, RST_STREAM, Result, Socket, checked, eventually,
    frame, ms, request, settle,
};

#[tokio::test(start_paused = true)]
async fn a_dropped_connection_ends_without_a_word() -> Result<()> {
    for text in ["10ms; drop(100%)", "10ms; drop(100%, rst)"] {
        for (kind, rpc) in KINDS {
            let server = server(text).await?;
            let mut client = Frames::over(server.open().0).await?;
            let clock = Paused::start();
            client.call(1, HOUR).await?;
            client.write(&request(3, rpc, &LongSyncRequest::default())).await?;
            let came = client.until_closed(clock).await?;
            let streams = came.iter().filter(|(_, frame)| frame.stream > 0 || frame.kind == GOAWAY);
            assert_eq!(streams.count(), 0, "{text}: {kind}: {came:?}");
            assert_eq!(millis(clock.elapsed()), 10, "{text}: {kind}");
            settle().await;
            let calls = if kind == CallKind::LongSync { 2 } else { 1 };
            assert_eq!(ended(&server, kind, Outcome::Dropped), calls, "{text}: {kind}");
            assert_eq!(ended(&server, CallKind::LongSync, Outcome::Dropped), calls.max(1));
            assert_eq!(server.snapshot().calls_in_flight(), 0);
            assert_eq!(applied(&server), [(clause(text)?, 1)], "{text}: {kind}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_a_dropped_connection_ends_without_a_word() -> Result<()> {
    let server = server("10ms; drop(100%)").await?;
    let mut io = server.open().0;
    let clock = Paused::start();
    io.write_all(b"GET /long_sync HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    let mut answer = Vec::new();
    io.read_to_end(&mut answer).await?;
    assert_eq!((answer.escape_ascii().to_string(), millis(clock.elapsed())), (String::new(), 10));
    let why = server.raw().await?.get("/long_sync").await?.await.expect_err("it is dropped");
    assert!(why.is_io() && !why.is_go_away(), "{why:?}");
    settle().await;
    assert_eq!(ended(&server, CallKind::Http, Outcome::Dropped), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn answers_before_a_drop_go_out() -> Result<()> {
    for delay in ["0s", "10ms"] {
        let server = server(&format!("{delay}; drop(100%, at=2)")).await?;
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
    }
    Ok(())
}

/// The answers are a little shorter or longer than what the socket takes before the client reads, so that the
/// last of them is held up in different places.
#[tokio::test(start_paused = true)]
async fn answers_that_the_socket_holds_up_go_out_before_the_end_of_their_connection() -> Result<()>
{
    for fault in ["drop(100%, at=1)", "goaway(100%, CANCEL, at=1)", "reset(100%, at=1)"] {
        let server = server(&format!("0s; {fault}")).await?;
        for bytes in (1_036_000..1_064_000).step_by(4_000) {
            let mut client = Frames::over(server.open().0).await?;
            let wide = (1_u32 << 30).to_be_bytes();
            // SETTINGS and WINDOW_UPDATE
            client.send(4, 0, 0, &[&[0, 4][..], &wide].concat()).await?;
            client.send(8, 0, 0, &wide).await?;
            let stream = LongSyncStreamRequest {
                count: Some(2),
                response_bytes: bytes,
                ..LongSyncStreamRequest::default()
            };
            client.write(&request(1, "LongSyncStream", &stream)).await?;
            tokio::time::sleep(ms(10_000)).await;
            let mut read = 0;
            while let Ok(Some(frame)) = client.next().await {
                read += if frame.kind == DATA { frame.payload.len() } else { 0 };
                if frame.kind == RST_STREAM {
                    break;
                }
            }
            let bytes = usize::try_from(bytes)?;
            assert!((bytes..bytes + 1_000).contains(&read), "{fault}: {read} of {bytes}");
        }
        assert_eq!(applied(&server), [(fault.to_owned(), 7)]);
    }
    Ok(())
}

/// How a connection over a real socket ends for a client that sends these bytes.
async fn end_over_a_socket(text: &str, bytes: &[u8]) -> Result<(std::io::Result<u8>, u64)> {
    let server = Socket::start(checked(behaving(text)?))?;
    let mut socket = server.open().await?;
    socket.write_all(bytes).await?;
    let end = loop {
        match socket.read_u8().await {
            Ok(_) => {}
            Err(end) if end.kind() == std::io::ErrorKind::UnexpectedEof => break Ok(0),
            Err(end) => break Err(end),
        }
    };
    let dropped = || {
        let of = |kind| server.snapshot().calls_ended(kind, Outcome::Dropped);
        of(CallKind::LongSync) + of(CallKind::Http)
    };
    eventually(|| dropped() > 0).await;
    Ok((end, dropped()))
}

#[tokio::test]
async fn over_a_socket_a_drop_is_an_end_of_file_and_with_rst_a_reset() -> Result<()> {
    let call = request(1, "LongSync", &LongSyncRequest::default());
    let grpc = [crate::harness::PREFACE, &frame(4, 0, 0, &[]), &call].concat();
    let http = b"GET /long_sync HTTP/1.1\r\nhost: a\r\n\r\n".to_vec();
    for bytes in [grpc, http] {
        let (end, dropped) = end_over_a_socket("1ms; drop(100%)", &bytes).await?;
        assert!(end.is_ok(), "{end:?}");
        assert_eq!(dropped, 1);
        let (end, dropped) = end_over_a_socket("1ms; drop(100%, rst)", &bytes).await?;
        let kind = end.expect_err("it is reset").kind();
        assert_eq!((kind, dropped), (std::io::ErrorKind::ConnectionReset, 1));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_the_connection_of_the_call_is_dropped() -> Result<()> {
    let server = server("10ms; drop(100%)").await?;
    let (hit, other) = (server.raw().await?, server.raw().await?);
    let waits = other.unary(&crate::harness::wait(ms(500)), &[]).await?;
    let call = super::call(&hit, "LongSync", &LongSyncRequest::default()).await?;
    assert!(call.ended().await.is_err());
    assert_eq!(waits.ended().await?.status.code(), tonic::Code::Ok);
    Ok(())
}
