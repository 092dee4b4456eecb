//! Resets: their codes on the wire, and what came before them.

use bytes::BytesMut;
use longsync::v1::{LongSyncRequest, LongSyncStreamRequest};
use longsync_server::{CallKind, Outcome};
use tonic::Code;

use super::{applied, bringing, call, clause, ended, millis, server};
use crate::harness::{
    DATA, Frame, Frames, GOAWAY, HEADERS, KINDS, Memory, Paused, RST_STREAM, RawCall, Result,
    config, frame, framed, ms, open, request, settle, unary, wait, waits,
};

const WINDOW_UPDATE: u8 = 8;

/// The names of HTTP/2's error codes (RFC 9113, section 7), by number.
const CODES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

#[tokio::test(start_paused = true)]
async fn each_code_is_on_the_wire_and_no_headers_are() -> Result<()> {
    for (number, name) in (0..).zip(CODES) {
        let text = format!("20ms; reset(100%, {name})");
        let server = server(&text).await?;
        let mut client = Frames::over(server.open().0).await?;
        for (stream, (kind, rpc)) in (0..).map(|index| index * 2 + 1).zip(KINDS) {
            let clock = Paused::start();
            client.write(&request(stream, rpc, &LongSyncRequest::default())).await?;
            let came = client.stream(stream, clock).await?;
            let seen: Vec<_> =
                came.iter().map(|(at, frame)| (millis(*at), frame.reset())).collect();
            assert_eq!(seen, [(20, Some(number))], "{kind}: {name}");
            assert_eq!(ended(&server, kind, Outcome::Reset), 1, "{kind}: {name}");
        }
        assert_eq!(applied(&server), [(clause(&text)?, 4)]);
        // The connection continues.
        client.call(101, ms(1)).await?;
        assert_eq!(client.stream(101, Paused::start()).await?.len(), 3);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_1_a_reset_closes_the_connection_without_an_answer() -> Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = server("20ms; reset(100%, CANCEL)").await?;
    let mut io = server.open().0;
    let clock = Paused::start();
    io.write_all(b"GET /long_sync HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    let mut answer = Vec::new();
    io.read_to_end(&mut answer).await?;
    assert_eq!((answer.escape_ascii().to_string(), clock.elapsed()), (String::new(), ms(20)));
    let reason = server.raw().await?.get("/long_sync").await?.await.expect_err("it is reset");
    assert_eq!(reason.reason(), Some(h2::Reason::CANCEL));
    settle().await;
    assert_eq!(ended(&server, CallKind::Http, Outcome::Reset), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_1_a_request_whose_body_is_not_complete_has_its_fault_all_the_same() -> Result<()>
{
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for text in ["20ms; reset(100%)", "20ms; drop(100%)", "20ms; goaway(100%, CANCEL)"] {
        let server = server(text).await?;
        let mut io = server.open().0;
        let clock = Paused::start();
        io.write_all(b"POST /long_sync HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\na").await?;
        let mut answer = Vec::new();
        io.read_to_end(&mut answer).await?;
        assert_eq!(answer.escape_ascii().to_string(), "", "{text}");
        assert_eq!(millis(clock.elapsed()), 20, "{text}");
        settle().await;
        assert_eq!(server.snapshot().calls_in_flight(), 0, "{text}");
        assert_eq!(applied(&server), [(clause(text)?, 1)], "{text}");
    }
    Ok(())
}

/// What a client reads of a call until it is reset, and the code.
async fn until_reset(call: RawCall) -> Result<(BytesMut, Option<h2::Reason>)> {
    let mut body = call.response.await?.into_body();
    let mut data = BytesMut::new();
    while let Some(chunk) = body.data().await {
        match chunk {
            Ok(chunk) => {
                body.flow_control().release_capacity(chunk.len())?;
                data.extend_from_slice(&chunk);
            }
            Err(error) => return Ok((data, error.reason())),
        }
    }
    anyhow::bail!("it ended after {} bytes", data.len())
}

/// The number of complete messages.
fn messages(mut data: &[u8]) -> Result<usize> {
    let mut count = 0;
    while let [0, a, b, c, d, rest @ ..] = data {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        anyhow::ensure!(length <= rest.len(), "a message is cut short");
        (data, count) = (&rest[length..], count + 1);
    }
    Ok(count)
}

#[tokio::test(start_paused = true)]
async fn a_reset_loses_no_answer_that_came_before_it() -> Result<()> {
    for (delay, bytes) in [("0s", 0), ("0s", 30_000), ("10ms", 0), ("10ms", 30_000)] {
        let server = server(&format!("{delay}; reset(100%, CANCEL, at=3)")).await?;
        let raw = server.raw().await?;
        let asked = LongSyncStreamRequest {
            count: Some(5),
            response_bytes: bytes,
            ..LongSyncStreamRequest::default()
        };
        let mut stream = raw.open("LongSyncStream", &[]).await?;
        stream.send(framed(&asked), true)?;
        let mut exchange = raw.open("LongSyncExchange", &[]).await?;
        for _ in 0..5 {
            let message = LongSyncRequest { response_bytes: bytes, ..LongSyncRequest::default() };
            exchange.send(framed(&message), false)?;
        }
        // Both are read concurrently: unread answers of one would fill the window of the connection.
        let both = async { tokio::try_join!(until_reset(stream), until_reset(exchange)) };
        let (stream, exchange) = within_it(both).await?;
        for (data, reason) in [stream, exchange] {
            assert_eq!(reason, Some(h2::Reason::CANCEL), "{delay} {bytes}");
            assert_eq!(messages(&data)?, 3, "{delay} {bytes}");
        }
    }
    Ok(())
}

/// Neither does it overtake what the client's window holds up; nor do other ends that leave no answer.
#[tokio::test(start_paused = true)]
async fn an_end_without_an_answer_waits_for_answers_that_the_client_holds_up() -> Result<()> {
    for (text, end) in [
        ("0s; reset(100%, CANCEL, at=1)", Some(RST_STREAM)),
        ("0s; goaway(100%, CANCEL, at=1)", Some(GOAWAY)),
        ("0s; drop(100%, at=1)", None),
    ] {
        let server = server(text).await?;
        let mut client = Frames::over(server.open().0).await?;
        let clock = Paused::start();
        // SETTINGS: streams have a window of 10 bytes.
        client.send(4, 0, 0, &[0, 4, 0, 0, 0, 10]).await?;
        let asked = LongSyncStreamRequest { count: Some(3), ..LongSyncStreamRequest::default() };
        client.write(&request(1, "LongSyncStream", &asked)).await?;
        clock.until(ms(5_000)).await;
        assert!(applied(&server).len() <= 1 && server.snapshot().calls_in_flight() == 1, "{text}");
        client.send(WINDOW_UPDATE, 0, 1, &1_000_u32.to_be_bytes()).await?;
        let mut data = BytesMut::new();
        let mut last = None;
        while let Ok(Some(frame)) = client.next().await {
            match frame.kind {
                DATA => data.extend_from_slice(&frame.payload),
                kind @ (RST_STREAM | GOAWAY) => last = Some(kind),
                _ => {}
            }
            if last == Some(RST_STREAM) {
                break;
            }
        }
        assert_eq!((messages(&data)?, last), (1, end), "{text}");
        assert_eq!(clock.elapsed(), ms(5_000), "{text}");
        assert_eq!(applied(&server), [(clause(text)?, 1)], "{text}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_reaches_a_call_whose_reset_waits_for_its_client() -> Result<()> {
    let server = server("0s; reset(100%, INTERNAL_ERROR, at=1)").await?;
    let mut client = Frames::over(server.open().0).await?;
    let clock = Paused::start();
    client.send(4, 0, 0, &[0, 4, 0, 0, 0, 10]).await?;
    client.write(&open(1, "LongSyncStream", &[("grpc-timeout", "1S")])).await?;
    client.send(DATA, 1, 1, &framed(&LongSyncStreamRequest::default())).await?;
    let came = client.stream(1, clock).await?;
    let last = came.last().map(|(at, frame)| (frame.reset(), millis(*at)));
    assert_eq!(last, Some((Some(8), 1_000)), "{came:?}");
    settle().await;
    assert_eq!(ended(&server, CallKind::LongSyncStream, Outcome::DeadlineExceeded), 1);
    Ok(())
}

/// Fails instead of waiting forever.
async fn within_it<T>(coming: impl Future<Output = Result<T>>) -> Result<T> {
    super::within_an_hour(coming).await.unwrap_or_else(|| Err(anyhow::anyhow!("nothing came")))
}

#[tokio::test(start_paused = true)]
async fn two_thousand_resets_of_clients_that_still_send_leave_the_connection_whole() -> Result<()> {
    const CALLS: u32 = 2_000;
    let server = Memory::start(config()).await;
    let mut client = Frames::over(server.open().0).await?;
    let clock = Paused::start();
    // A call that lasts all the time.
    client.call(1, ms(60_000)).await?;
    let message = framed(&bringing("reset(100%, when=before)"));
    for stream in (1..=CALLS).map(|index| index * 2 + 1) {
        let begun = [open(stream, "LongSyncCollect", &[]), frame(DATA, 0, stream, &message)];
        client.write(&begun.concat()).await?;
        let came = client.stream(stream, clock).await?;
        assert_eq!(came.len(), 1, "{came:?}");
        assert_eq!(came[0].1.reset(), Some(2));
        // The client has sent more before it learns of the reset.
        client.write(&frame(DATA, 0, stream, &[0; 1_000]).repeat(3)).await?;
    }
    assert_eq!(ended(&server, CallKind::LongSyncCollect, Outcome::Reset), u64::from(CALLS));
    client.call(2 * CALLS + 3, ms(10)).await?;
    let (mut whole, mut others) = (0, Vec::new());
    while whole < 2 {
        let Frame { kind, flags, stream, payload } = client.next().await?.expect("it is open");
        assert_ne!(kind, GOAWAY, "{payload:?}");
        let is_ours = stream == 1 || stream == 2 * CALLS + 3;
        if is_ours && kind == RST_STREAM {
            others.push(stream);
        }
        whole += u32::from(is_ours && kind == HEADERS && flags & 1 != 0);
    }
    assert_eq!(others, [0; 0], "these calls were reset");
    assert_eq!(ended(&server, CallKind::LongSync, Outcome::Answered), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn ordinary_clients_survive_two_thousand_resets_too() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let lasting = raw.unary(&wait(ms(60_000)), &[]).await?;
    for _ in 0..2_000 {
        let mut call = raw.open("LongSyncCollect", &[]).await?;
        call.send(framed(&bringing("reset(100%, REFUSED_STREAM, when=before)")), false)?;
        for _ in 0..3 {
            call.send(framed(&wait(ms(1))), false)?;
        }
        assert_eq!(call.reset_by_server().await?, h2::Reason::REFUSED_STREAM);
    }
    raw.unary(&wait(ms(1)), &[]).await?.ended().await?;
    assert_eq!(lasting.ended().await?.status.code(), Code::Ok);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn planned_resets_do_not_lift_the_limit_on_those_that_clients_cause() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut client = Frames::over(server.open().0).await?;
    for stream in [1, 3, 5] {
        client.write(&unary(stream, &bringing("reset(100%)"))).await?;
        client.stream(stream, Paused::start()).await?;
    }
    let mut caused = 0;
    let mut last = None;
    for stream in (3..5_000).map(|index| index * 2 + 1) {
        // A window over 2^31 - 1 bytes is an error of the stream (RFC 9113, section 6.9.1).
        let increment = (u32::MAX >> 1).to_be_bytes();
        let bad = [open(stream, "LongSync", &[]), frame(WINDOW_UPDATE, 0, stream, &increment)];
        if client.write(&bad.concat()).await.is_err() {
            break;
        }
        while let Some(frame) = client.next().await? {
            let is_reset = frame.kind == RST_STREAM;
            last = Some(frame);
            if is_reset {
                break;
            }
        }
        caused += 1;
        if last.as_ref().is_some_and(|frame| frame.kind == GOAWAY) {
            break;
        }
    }
    assert_eq!(last.and_then(|frame| frame.goaway()).map(|(_, code)| code), Some(11), "{caused}");
    // 1,024, and 300 for each planned reset.
    assert!((1_024..=1_930).contains(&caused), "{caused}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reset_of_one_call_does_not_touch_its_neighbors() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let mut stream = raw.open("LongSyncStream", &[]).await?;
    stream.send(framed(&waits(ms(10), 5)), true)?;
    let reset = call(&raw, "LongSync", &bringing("25ms; reset(100%, CANCEL)")).await?;
    assert_eq!(reset.reset_by_server().await?, h2::Reason::CANCEL);
    let whole = stream.ended().await?;
    assert_eq!((whole.status.code(), messages(&whole.data)?), (Code::Ok, 5));
    Ok(())
}
