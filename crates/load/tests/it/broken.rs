//! How the transport ends calls, and how that is reported.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use longsync_connect::Code;
use longsync_stats::TransportFailure;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::in_memory::{InMemory, plan, run};

/// How the first call of a run ended: the transport's failure, the status, and its text.
async fn ended(transport: InMemory) -> (Option<TransportFailure>, Code, String) {
    let load = run(plan(10, 1).grace(Duration::from_secs(1)), &transport).await;
    let counts = &load.figures.counts;
    let statuses: Vec<_> = counts.statuses().collect();
    assert_eq!(statuses.len(), 1, "{counts:?}");
    let broken = TransportFailure::ALL.into_iter().find(|how| counts.broken(*how) == 1);
    let texts = load.texts.by_count();
    assert_eq!(texts.len(), 1, "{texts:?}");
    (broken, Code::from_i32(i32::from(statuses[0].0)), texts[0].0.to_owned())
}

/// A server that resets each call with this code.
fn resetting(reason: Reason) -> InMemory {
    InMemory::http2(10, move |mut connection, _| async move {
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            respond.send_reset(reason);
        }
    })
}

/// A server that sends these bytes after its settings, once a call has arrived, and closes the connection.
fn saying(bytes: &'static [u8]) -> InMemory {
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    InMemory::raw(move |mut io, _| {
        tokio::spawn(async move {
            let _ = io.write_all(SETTINGS).await;
            let (mut received, mut room) = (Vec::new(), [0; 1_000]);
            while !has_headers(&received) {
                match io.read(&mut room).await {
                    Ok(read) if read > 0 => received.extend_from_slice(&room[..read]),
                    _ => return,
                }
            }
            let _ = io.write_all(bytes).await;
        });
        true
    })
}

/// Whether a HEADERS frame follows the client's preface.
fn has_headers(received: &[u8]) -> bool {
    let mut rest = received.get(24..).unwrap_or_default();
    while let [a, b, c, kind, after @ ..] = rest {
        if *kind == 1 {
            return true;
        }
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        rest = after.get(5 + length..).unwrap_or_default();
    }
    false
}

#[tokio::test(start_paused = true)]
async fn a_call_refused_before_processing_reports_how_it_was_refused() {
    let refused = ended(resetting(Reason::REFUSED_STREAM)).await;
    let text = "the server did not process the call: RST_STREAM REFUSED_STREAM".to_owned();
    assert_eq!(refused, (Some(TransportFailure::RefusedStream), Code::Unavailable, text));
    // A GOAWAY whose last stream ID is 0.
    let goaway = ended(saying(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0")).await;
    assert_eq!((goaway.0, goaway.1), (Some(TransportFailure::GoAway), Code::Unavailable));
    assert!(goaway.2.ends_with("did not process the call: GOAWAY NO_ERROR"), "{}", goaway.2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_reset_has_the_status_of_its_code() {
    for (reason, code) in [
        (Reason::INTERNAL_ERROR, Code::Internal),
        (Reason::CANCEL, Code::Cancelled),
        (Reason::PROTOCOL_ERROR, Code::Internal),
        (Reason::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
    ] {
        let text = format!("the server reset the call: RST_STREAM {reason:?}");
        assert_eq!(ended(resetting(reason)).await, (Some(TransportFailure::Reset), code, text));
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_reports_how_it_ended() {
    let closed = ended(saying(b"")).await;
    let text = "the server closed the connection before the call had ended".to_owned();
    let closed_so = (Some(TransportFailure::ConnectionClosed), Code::Unavailable, text);
    assert_eq!(closed, closed_so);
    let in_the_middle_of_a_frame = ended(saying(b"\0\0\x08\x00\0\0\0\0\x01abc")).await;
    assert_eq!(in_the_middle_of_a_frame, closed_so);
    // After a GOAWAY, with and without an error, that accepts the call.
    for goaway in [
        &b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0"[..],
        b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\x0b",
    ] {
        assert_eq!(ended(saying(goaway)).await.0, Some(TransportFailure::ConnectionClosed));
    }
    let reset = ended(saying(b"").ending_with(io::ErrorKind::ConnectionReset)).await;
    let text = "the connection was reset before the call had ended".to_owned();
    assert_eq!(reset, (Some(TransportFailure::ConnectionReset), Code::Unavailable, text));
    let other = ended(saying(b"").ending_with(io::ErrorKind::TimedOut)).await;
    assert_eq!((other.0, other.1), (Some(TransportFailure::Io), Code::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn a_protocol_violation_is_a_failure_of_its_own() {
    // DATA on stream 0; then HEADERS of the call that cannot be decoded.
    for bytes in [&b"\0\0\x01\x00\0\0\0\0\0x"[..], b"\0\0\x01\x01\x05\0\0\0\x01\xff"] {
        let broken = ended(saying(bytes)).await;
        assert_eq!(broken.0, Some(TransportFailure::Protocol), "{}", broken.2);
        assert!(broken.2.contains("rules of HTTP/2"), "{}", broken.2);
    }
}

/// Ends each call with this status and message.
fn failing(code: &'static str, message: &'static str) -> InMemory {
    let end = move |mut respond: SendResponse<Bytes>| {
        let head = http::Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", code)
            .header("grpc-message", message);
        let _ = respond.send_response(head.body(()).unwrap(), true);
    };
    InMemory::http2(10, move |mut connection, _| async move {
        while let Some(Ok((_, respond))) = connection.accept().await {
            end(respond);
        }
    })
}

#[tokio::test(start_paused = true)]
async fn the_message_of_a_status_is_kept_escaped_for_display() {
    let said = ended(failing("8", "too%0Amuch%1b[2J")).await;
    assert_eq!(said, (None, Code::ResourceExhausted, "too\\nmuch\\u{1b}[2J".to_owned()));
    let silent = ended(failing("14", "")).await;
    assert_eq!(silent, (None, Code::Unavailable, "UNAVAILABLE without a message".to_owned()));
}
