//! Hostile and broken clients: what they do costs them their own connection, and nobody else's.

use std::time::Duration;

use longsync::v1::LongSyncRequest;
use longsync_server::{CallKind, Outcome};
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tonic::Code;

use crate::harness::{HOUR, Memory, PREFACE, Paused, Result, config, frame, ms, unary, wait};

/// The types of HTTP/2's frames (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The header block of a call: static table entries, and literals that no table keeps (RFC 7541).
fn call_headers(more: &[(&str, &str)]) -> Vec<u8> {
    // :method POST, :scheme http
    let mut block = vec![0x83, 0x86];
    let mut literal = |name: &str, value: &str| {
        block.push(0);
        for text in [name, value] {
            let length = u8::try_from(text.len()).ok().filter(|length| *length < 127);
            block.push(length.expect("a header of a test is short"));
            block.extend(text.as_bytes());
        }
    };
    literal(":path", "/longsync.v1.LongSyncService/LongSync");
    literal(":authority", "longsync.test");
    literal("content-type", "application/grpc");
    literal("te", "trailers");
    for (name, value) in more {
        literal(name, value);
    }
    block
}

fn hello() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

/// Sends all of `bytes`, and reads until the server closes, for at most one minute, which in paused
/// time passes only when nothing more can happen. Returns what was read, and whether the server
/// closed.
async fn converse<IO>(io: IO, bytes: Vec<u8>) -> (Vec<u8>, bool)
where
    IO: AsyncRead + AsyncWrite + Send + 'static,
{
    converse_for(io, bytes, Duration::from_secs(60)).await
}

/// The same, for at most this long.
async fn converse_for<IO>(io: IO, bytes: Vec<u8>, limit: Duration) -> (Vec<u8>, bool)
where
    IO: AsyncRead + AsyncWrite + Send + 'static,
{
    let (mut reader, mut writer) = tokio::io::split(io);
    let writing = tokio::spawn(async move {
        // A server that has closed accepts no more.
        let _ = writer.write_all(&bytes).await;
        writer
    });
    let mut read = Vec::new();
    let closed = tokio::time::timeout(limit, reader.read_to_end(&mut read)).await;
    writing.abort();
    (read, closed.is_ok())
}

/// The error code of the GOAWAY among these frames.
fn goaway(mut frames: &[u8]) -> Option<u32> {
    while let [a, b, c, kind, _flags, _, _, _, _, rest @ ..] = frames {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let payload = rest.get(..length)?;
        if *kind == GOAWAY {
            let code = u32::from_be_bytes(payload[4..8].try_into().ok()?);
            if code != 0 {
                return Some(code);
            }
        }
        frames = &rest[length..];
    }
    None
}

const PROTOCOL_ERROR: u32 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;

/// Another client is served as if nothing had happened, and nothing of the attack is left in memory.
async fn others_are_served(server: &Memory) -> Result<()> {
    let mut client = server.client().await?;
    client.long_sync(wait(ms(10))).await?;
    assert_eq!(server.snapshot().calls_in_flight(), 0);
    let metrics = server.web1().await?.get("/metrics").await?;
    assert!(metrics.body().contains("\nlongsync_buffered_bytes 0\n"), "{}", metrics.body());
    Ok(())
}

/// Sends these frames as an attack. Returns how the server ended the connection, if it did.
async fn attack(frames: impl Iterator<Item = Vec<u8>>) -> Result<Option<u32>> {
    let server = Memory::start(config()).await;
    let bytes = [hello(), frames.flatten().collect()].concat();
    let (read, is_closed) = converse(server.open().0, bytes).await;
    let code = goaway(&read);
    assert_eq!(is_closed, code.is_some(), "{code:?}");
    others_are_served(&server).await?;
    Ok(code)
}

fn stream(index: u32) -> u32 {
    index * 2 + 1
}

#[tokio::test(start_paused = true)]
async fn rapid_reset_ends_the_connection() -> Result<()> {
    let block = call_headers(&[]);
    let code = attack((0..5_000).flat_map(|index| {
        let open = frame(HEADERS, END_HEADERS, stream(index), &block);
        [open, frame(RST_STREAM, 0, stream(index), &8_u32.to_be_bytes())]
    }))
    .await?;
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn streams_that_the_server_is_made_to_reset_end_the_connection() -> Result<()> {
    let block = call_headers(&[]);
    let code = attack((0..5_000).flat_map(|index| {
        let open = frame(HEADERS, END_HEADERS, stream(index), &block);
        // A window over 2^31 - 1 bytes is an error of the stream (RFC 9113, section 6.9.1).
        [open, frame(WINDOW_UPDATE, 0, stream(index), &(u32::MAX >> 1).to_be_bytes())]
    }))
    .await?;
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    Ok(())
}

/// The server would keep each reset in memory until it could write it.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_cannot_make_the_server_reset_streams_without_end() -> Result<()>
{
    let server = Memory::start(config()).await;
    let (io, _serving) = server.open();
    let (mut reader, mut writer) = tokio::io::split(io);
    let window = [&[0, 4][..], &(u32::MAX >> 1).to_be_bytes()].concat();
    let request = LongSyncRequest { response_bytes: 4 << 20, ..wait(ms(0)) };
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &window)].concat();
    bytes.extend(frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()));
    bytes.extend(unary(1, &request));
    writer.write_all(&bytes).await?;
    // The answer is longer than the pipe, so the server can write nothing more after this.
    tokio::time::sleep(ms(10)).await;
    let highest = 1_000_001;
    writer.write_all(&frame(HEADERS, END_HEADERS, highest, &call_headers(&[]))).await?;
    let resets: Vec<u8> =
        (1..200_000).flat_map(|index| frame(DATA, 0, stream(index), &[])).collect();
    let writing = writer.write_all(&resets);
    assert!(tokio::time::timeout(HOUR, writing).await.is_err(), "the server reads without end");

    let mut read = Vec::new();
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&frame(PING, 0, 0, &[0; 8])).await;
        writer
    });
    tokio::time::timeout(HOUR, reader.read_to_end(&mut read)).await??;
    writing.abort();
    assert_eq!(goaway(&read), Some(ENHANCE_YOUR_CALM));
    others_are_served(&server).await
}

#[tokio::test(start_paused = true)]
async fn endless_headers_end_the_connection() -> Result<()> {
    let block = call_headers(&[]);
    let first = frame(HEADERS, END_STREAM, 1, &block);
    // The same header, which no table keeps, over and over.
    let more = [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat().repeat(100);
    let code =
        attack(std::iter::once(first).chain((0..1_000).map(|_| frame(CONTINUATION, 0, 1, &more))))
            .await?;
    assert!(code.is_some());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_header_list_over_16_kib_is_refused_and_the_connection_goes_on() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    let long = "y".repeat(20_000);
    let call = raw.unary(&wait(ms(1)), &[("x-long", &long)]).await?;
    let head = call.response.await?;
    assert_eq!(head.status(), 431);
    raw.unary(&wait(ms(1)), &[]).await?.ended().await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn endless_empty_data_frames_end_the_connection_or_are_read_without_effect() -> Result<()> {
    let open = frame(HEADERS, END_HEADERS, 1, &call_headers(&[("grpc-timeout", "30S")]));
    let code =
        attack(std::iter::once(open).chain((0..100_000).map(|_| frame(DATA, 0, 1, &[])))).await?;
    assert!(code.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{code:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn endless_pings_and_settings_do_no_harm() -> Result<()> {
    for flood in [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])] {
        let server = Memory::start(config()).await;
        let mut io = server.open().0;
        // The client never reads, so the server's answers cannot go out.
        let bytes = [hello(), flood.repeat(200_000)].concat();
        let sending = tokio::time::timeout(Duration::from_secs(60), io.write_all(&bytes)).await;
        others_are_served(&server).await?;
        drop((sending, io));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_impossible_frame_is_a_protocol_error() -> Result<()> {
    for wrong in [
        frame(DATA, 0, 1, b"no stream has begun"),
        frame(HEADERS, END_HEADERS, 2, &call_headers(&[])),
        frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        frame(SETTINGS, 0, 1, &[]),
    ] {
        assert_eq!(
            attack(std::iter::once(wrong.clone())).await?,
            Some(PROTOCOL_ERROR),
            "{wrong:?}"
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_or_too_little_is_closed_after_ten_seconds() -> Result<()> {
    let server = Memory::start(config()).await;
    for said in [&b""[..], b"PRI * HT", b"G", b"GET /long_sync HTTP/1.1\r\nhost: x\r\nx-slow: y"] {
        let (mut io, serving) = server.open();
        let clock = Paused::start();
        io.write_all(said).await?;
        serving.await?;
        assert_eq!(clock.elapsed().as_secs(), 10, "{said:?}");
        let mut read = Vec::new();
        io.read_to_end(&mut read).await?;
        assert!(read.is_empty() || read.starts_with(b"HTTP/1.1 4"), "{read:?}");
    }
    others_are_served(&server).await
}

#[tokio::test(start_paused = true)]
async fn other_protocols_are_closed_within_ten_seconds() -> Result<()> {
    let server = Memory::start(config()).await;
    // The beginnings of TLS and of SSH, and a line that is not HTTP.
    for said in
        [&b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..], b"SSH-2.0-x\r\n", b"hello\r\n\r\n"]
    {
        let (mut io, serving) = server.open();
        let clock = Paused::start();
        io.write_all(said).await?;
        serving.await?;
        assert!(clock.elapsed() <= ms(10_000), "{said:?}");
    }
    others_are_served(&server).await
}

#[test]
fn any_bytes_are_survived() {
    let chunk = || {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            Just(hello()),
            Just(b"GET /long_sync?delay=1s HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
            (0_u8..12, any::<u8>(), 0_u32..6, proptest::collection::vec(any::<u8>(), 0..40))
                .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, &payload)),
            (0_u32..6, any::<u8>()).prop_map(|(index, flags)| frame(
                HEADERS,
                flags,
                stream(index),
                &call_headers(&[])
            )),
        ]
    };
    let chunks = proptest::collection::vec(chunk(), 0..12);
    let is_http2 = any::<bool>();
    proptest!(ProptestConfig::with_cases(256), |(is_http2 in is_http2, chunks in chunks)| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()?;
        let served = runtime.block_on(async {
            let server = Memory::start(config()).await;
            let (mut io, serving) = server.open();
            let bytes = [if is_http2 { hello() } else { Vec::new() }, chunks.concat()].concat();
            let _ = tokio::time::timeout(Duration::from_secs(60), io.write_all(&bytes)).await;
            drop(io);
            // A client that has disconnected leaves nothing behind: no panic and no lingering task.
            tokio::time::timeout(HOUR, serving).await??;
            others_are_served(&server).await
        });
        prop_assert!(served.is_ok(), "{served:?}");
    });
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_in_the_middle_of_a_message_is_a_cancelled_call() -> Result<()> {
    let server = Memory::start(config()).await;
    let (mut io, serving) = server.open();
    let open = frame(HEADERS, END_HEADERS, 1, &call_headers(&[]));
    io.write_all(&[hello(), open, frame(DATA, 0, 1, b"\0\0\0\0\x09abc")].concat()).await?;
    tokio::time::sleep(ms(1)).await;
    assert_eq!(server.snapshot().calls_in_flight(), 1);
    drop(io);
    serving.await?;
    tokio::time::sleep(ms(1)).await;
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSync, Outcome::Cancelled), 1);
    others_are_served(&server).await
}

#[tokio::test(start_paused = true)]
async fn frames_after_an_early_answer_do_not_cost_the_connection() -> Result<()> {
    let server = Memory::start(config()).await;
    let raw = server.raw().await?;
    for _ in 0..3_000 {
        // Refused because of its header, before its messages have arrived.
        let mut call = raw.open("LongSyncCollect", &[("grpc-timeout", "5x")]).await?;
        let head = (&mut call.response).await?;
        let status = tonic::Status::from_header_map(head.headers()).expect("it is refused");
        assert_eq!(status.code(), Code::InvalidArgument);
        call.send(vec![0; 1_000], false)?;
        call.send(vec![0; 1_000], true)?;
    }
    // The same for methods that no service here has.
    for path in ["/nobody/Nothing", "/longsync.v1.LongSyncService/Nothing"] {
        for _ in 0..1_500 {
            let mut call = raw.open_path(path, &[]).await?;
            (&mut call.response).await?;
            call.send(vec![0; 1_000], true)?;
        }
    }
    raw.unary(&wait(ms(1)), &[]).await?.ended().await?;
    Ok(())
}

/// Sends these bytes and no more. Returns how long it took the server to close the connection, if it did so
/// within an hour.
async fn closed_after(bytes: Vec<u8>) -> Result<Option<Duration>> {
    let server = Memory::start(config()).await;
    let (mut io, _serving) = server.open();
    let clock = Paused::start();
    io.write_all(&bytes).await?;
    let mut read = Vec::new();
    let closed = tokio::time::timeout(HOUR, io.read_to_end(&mut read)).await;
    Ok(closed.is_ok().then(|| clock.elapsed()))
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_frame_ends_the_connection_and_silence_does_not() -> Result<()> {
    let whole = frame(HEADERS, END_HEADERS | END_STREAM, 1, &call_headers(&[]));
    let data = frame(DATA, 0, 1, &[0; 100]);
    let open = frame(HEADERS, END_HEADERS, 1, &call_headers(&[]));
    let head_time = Some(ms(10_000));
    let (ping, settings) = (frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[]));
    let cases = [
        ("nothing", vec![], head_time),
        ("half a preface", PREFACE[..10].to_vec(), head_time),
        ("a preface without SETTINGS", PREFACE.to_vec(), head_time),
        ("a preface with PING instead of SETTINGS", [PREFACE, &ping].concat(), head_time),
        ("a preface with a call instead of SETTINGS", [PREFACE, &open].concat(), head_time),
        (
            "a preface with an ACK instead of SETTINGS",
            [PREFACE, &frame(SETTINGS, 1, 0, &[])].concat(),
            head_time,
        ),
        ("a preface whose SETTINGS come second", [PREFACE, &ping, &settings].concat(), None),
        ("half of the first SETTINGS", hello()[..28].to_vec(), head_time),
        ("a head cut short", [hello(), whole[..4].to_vec()].concat(), head_time),
        ("HEADERS cut short", [hello(), whole[..20].to_vec()].concat(), head_time),
        (
            "HEADERS without their end",
            [hello(), frame(HEADERS, 0, 1, &call_headers(&[]))].concat(),
            head_time,
        ),
        (
            "a PING cut short",
            [hello(), frame(PING, 0, 0, &[0; 8])[..12].to_vec()].concat(),
            head_time,
        ),
        ("DATA cut short", [hello(), open, data[..50].to_vec()].concat(), Some(ms(30_000))),
        ("half a head of HTTP/1.1", b"GET / HTTP/1.1\r\nho".to_vec(), head_time),
        ("an idle connection", hello(), None),
    ];
    for (what, bytes, expected) in cases {
        assert_eq!(closed_after(bytes).await?, expected, "{what}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn frames_before_the_first_settings_do_not_extend_the_time_for_a_preface() -> Result<()> {
    let server = Memory::start(config()).await;
    let (mut io, serving) = server.open();
    let clock = Paused::start();
    io.write_all(PREFACE).await?;
    let mut pings = 0;
    while !serving.is_finished() && pings < 100 {
        tokio::time::sleep(ms(3_000)).await;
        // The connection may have ended by now.
        let _ = io.write_all(&frame(PING, 0, 0, &[0; 8])).await;
        pings += 1;
    }
    assert_eq!((pings, clock.elapsed()), (4, ms(12_000)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn over_http_1_the_time_for_a_head_runs_from_its_first_byte() -> Result<()> {
    let server = Memory::start(config()).await;
    let (mut io, _serving) = server.open();
    let request = b"GET /long_sync?delay=1ms HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut answer = [0; 16];
    for _ in 0..3 {
        io.write_all(request).await?;
        io.read_exact(&mut answer).await?;
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        let rest = tokio::time::timeout(ms(10), async {
            let mut more = [0; 512];
            loop {
                io.read_exact(&mut more[..1]).await?;
                if more[0] == b'!' {
                    return anyhow::Ok(());
                }
            }
        });
        rest.await??;
        tokio::time::sleep(HOUR).await;
    }
    let clock = Paused::start();
    io.write_all(&request[..9]).await?;
    tokio::time::sleep(ms(9_000)).await;
    io.write_all(&request[9..15]).await?;
    let mut rest = Vec::new();
    io.read_to_end(&mut rest).await?;
    assert_eq!(clock.elapsed(), ms(10_000));
    Ok(())
}

fn window(size: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&[0, 4][..], &size.to_be_bytes()].concat())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_keeps_changing_the_windows_of_all_streams_loses_its_connection() -> Result<()>
{
    for changes in [99, 101, 4_000] {
        let server = Memory::start(config()).await;
        let mut bytes = hello();
        for index in 0..1_000 {
            bytes.extend(frame(HEADERS, END_HEADERS, stream(index), &call_headers(&[])));
        }
        // Setting the window to the same size again causes no walk over the streams.
        bytes.extend(window(65_535).repeat(1_000));
        for index in 0..changes {
            bytes.extend(window(70_000 + index % 2));
        }
        let (read, is_closed) = converse_for(server.open().0, bytes, ms(900)).await;
        assert_eq!(is_closed, changes > 100, "{changes}");
        if changes > 100 {
            others_are_served(&server).await?;
            let metrics = server.web1().await?.get("/metrics").await?;
            let closed = "\nlongsync_connections_closed_total{reason=\"window_changes\"} 1\n";
            assert!(metrics.body().contains(closed), "{}", metrics.body());
        }
        drop(read);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn windows_that_grow_occasionally_cost_nobody_the_connection() -> Result<()> {
    let server = Memory::start(config()).await;
    let (mut io, _serving) = server.open();
    io.write_all(&hello()).await?;
    for size in 0..1_000 {
        io.write_all(&window(100_000 + size)).await?;
        tokio::time::sleep(ms(20)).await;
    }
    let mut read = vec![0; 1 << 16];
    let bytes = io.read(&mut read).await?;
    assert!(bytes > 0);
    assert_eq!(goaway(&read[..bytes]), None);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_client_that_pauses_reading_is_not_mistaken_for_one_stuck_in_a_frame() -> Result<()> {
    let server = Memory::start(config()).await;
    let (io, _serving) = server.open();
    let (mut reader, mut writer) = tokio::io::split(io);
    let request = |bytes| LongSyncRequest { response_bytes: bytes, ..wait(ms(1)) };
    let mut bytes = [hello(), window(1 << 30)].concat();
    bytes.extend(frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()));
    for index in 0..4 {
        bytes.extend(unary(stream(index), &request(2_000_000)));
    }
    writer.write_all(&bytes).await?;
    tokio::time::sleep(ms(10)).await;
    // While HTTP/2 cannot write, it answers no PING, and while PINGs are unanswered, it reads nothing.
    let mut bytes = frame(PING, 0, 0, &[7; 8]).repeat(3_000);
    let long = LongSyncRequest { payload: vec![7; 16_000].into(), ..request(0) };
    bytes.extend(unary(stream(4), &long));
    let writing = tokio::spawn(async move {
        writer.write_all(&bytes).await?;
        anyhow::Ok(writer)
    });
    tokio::time::sleep(HOUR).await;
    let mut read = Vec::new();
    let answered = || server.snapshot().calls_ended(CallKind::LongSync, Outcome::Answered);
    while answered() < 5 {
        assert!(reader.read_buf(&mut read).await? > 0, "{} answered", answered());
    }
    writing.await??;
    Ok(())
}
