//! What only HTTP/1.1 has: `Host`, and request bodies that are sent whether or not anybody reads them.

use std::time::Duration;

use longsync_server::{CallKind, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::harness::{Memory, Paused, Result, config, ms, settle, with_delay, with_drain};

const MIB: usize = 1024 * 1024;

/// A connection, byte by byte.
struct Bytes(DuplexStream);

impl Bytes {
    fn open(server: &Memory) -> Self {
        Self(server.open().0)
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.0.write_all(bytes.as_ref()).await?)
    }

    /// Reads until what was read ends with `end`.
    async fn until(&mut self, end: &str) -> Result<String> {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            let byte = self.0.read_u8().await;
            let so_far = String::from_utf8_lossy(&read).into_owned();
            read.push(byte.map_err(|error| anyhow::anyhow!("{error} after {so_far:?}"))?);
        }
        Ok(String::from_utf8(read)?)
    }

    async fn head(&mut self) -> Result<String> {
        Ok(self.until("\r\n\r\n").await?.to_ascii_lowercase())
    }

    /// Everything that arrives until the server closes the connection.
    async fn all_the_rest(&mut self) -> Result<String> {
        let mut read = String::new();
        self.0.read_to_string(&mut read).await?;
        Ok(read)
    }

    /// Sends a request without a body, and reads the head of the answer.
    async fn ask(server: &Memory, request: &str) -> Result<String> {
        let mut bytes = Self::open(server);
        bytes.send(format!("{request}\r\n\r\n")).await?;
        bytes.head().await
    }
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_request_without_exactly_one_valid_host_is_refused() -> Result<()> {
    let server = Memory::start(config()).await;
    for (request, expected) in [
        ("GET /healthz HTTP/1.1\r\nhost: longsync.test", 200),
        ("GET /healthz HTTP/1.1\r\nhost:", 200),
        ("GET /healthz HTTP/1.1\r\nhost: [::1]:9000", 200),
        ("GET /healthz HTTP/1.0", 200),
        ("GET /healthz HTTP/1.0\r\nhost: longsync.test", 200),
        ("GET /healthz HTTP/1.1", 400),
        ("GET http://longsync.test/healthz HTTP/1.1", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\nhost: a", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b", 400),
        ("GET /healthz HTTP/1.0\r\nhost: a\r\nhost: b", 400),
        ("GET /healthz HTTP/1.1\r\nhost: user@a", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a b", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a/b", 400),
        ("GET /healthz HTTP/1.1\r\nhost: a:http", 400),
        (
            "POST /longsync.v1.LongSyncService/LongSync HTTP/1.1\r\ncontent-type: application/grpc",
            400,
        ),
        ("GET /long_sync?delay=1h HTTP/1.1", 400),
    ] {
        let head = Bytes::ask(&server, request).await?;
        assert_eq!(status(&head), expected, "{request}");
    }
    assert_eq!(server.snapshot().calls_started(CallKind::Http), 0);
    Ok(())
}

/// The HTTP library answers these itself, before the server sees a request.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_parsed_as_http_is_refused_with_a_status_alone() -> Result<()> {
    let server = Memory::start(config()).await;
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nhost: a\u{1}b", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nx-a: \u{7f}", 400),
        ("GET / HTTP/2.0\r\nhost: a", 400),
        ("GET / HTTP/1.1\r\nhost a", 400),
    ] {
        let mut bytes = Bytes::open(&server);
        bytes.send(format!("{request}\r\n\r\n")).await?;
        let answer = bytes.all_the_rest().await?;
        assert_eq!(status(&answer), expected, "{request}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{request}: {answer}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_absolute_form_takes_precedence_over_host() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut bytes = Bytes::open(&server);
    let request = "GET http://one.test:1/ HTTP/1.1\r\nhost: two.test\r\nconnection: close\r\n\r\n";
    bytes.send(request).await?;
    let said = bytes.all_the_rest().await?;
    assert!(said.contains("curl 'http://one.test:1/") && !said.contains("two.test"), "{said}");
    let mut bytes = Bytes::open(&server);
    let request = "GET http://me:secret@one.test/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    bytes.send(request).await?;
    let said = bytes.all_the_rest().await?;
    assert!(said.contains("curl 'http://one.test/") && !said.contains("secret"), "{said}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn options_of_the_entire_server_is_answered() -> Result<()> {
    let server = Memory::start(config()).await;
    let head = Bytes::ask(&server, "OPTIONS * HTTP/1.1\r\nhost: longsync.test").await?;
    assert_eq!(status(&head), 200);
    assert!(head.contains("content-length: 0\r\n") && head.contains("allow: get"), "{head}");
    Ok(())
}

/// Requests that are refused whatever their body is, with the status and a part of the sentence.
const REFUSED: [(&str, u16, &str); 7] = [
    ("PUT /long_sync", 405, "/long_sync takes GET or POST, and HEAD"),
    ("POST /healthz", 405, "/healthz takes GET or HEAD"),
    ("POST /nowhere", 404, "nothing at `/nowhere`"),
    ("POST /longsync.v1.LongSyncService/LongSync", 415, "this is gRPC"),
    ("POST /long_sync?delay=soon", 400, "delay: `soon` is not a duration"),
    ("POST /long_sync?delay=2h", 400, "delay: a delay of 2h is over"),
    ("GET /long_sync?delya=1s", 400, "query: `delya` is not a known parameter"),
];

#[tokio::test(start_paused = true)]
async fn a_refusal_goes_out_at_once_and_ends_when_the_request_has_been_discarded() -> Result<()> {
    let server = Memory::start(config()).await;
    for (request, expected, sentence) in REFUSED {
        let mut bytes = Bytes::open(&server);
        let clock = Paused::start();
        let length = 3 * MIB;
        bytes
            .send(format!("{request} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n"))
            .await?;
        // Nothing of the body has been sent yet.
        let head = bytes.head().await?;
        assert_eq!(status(&head), expected, "{request}");
        assert!(head.contains("connection: close"), "{head}");
        assert_eq!(head.contains("allow:"), expected == 405, "{head}");
        let said = bytes.until("\n\r\n").await?;
        assert!(said.contains(sentence), "{said}");
        assert_eq!(clock.elapsed(), Duration::ZERO, "{request}");
        for _ in 0..3 {
            bytes.send(vec![b'x'; MIB]).await?;
        }
        assert_eq!(bytes.all_the_rest().await?, "0\r\n\r\n", "{request}");
        assert_eq!(clock.elapsed(), Duration::ZERO, "{request}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refusal_waits_two_seconds_for_a_body_that_does_not_arrive() -> Result<()> {
    let server = Memory::start(config()).await;
    for (request, ..) in REFUSED {
        let mut bytes = Bytes::open(&server);
        let clock = Paused::start();
        bytes
            .send(format!("{request} HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf"))
            .await?;
        assert!(bytes.all_the_rest().await?.ends_with("\r\n0\r\n\r\n"), "{request}");
        assert_eq!(clock.elapsed(), ms(2_000), "{request}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refusal_reads_16_mib_of_its_request_and_no_more() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut bytes = Bytes::open(&server);
    let length = 64 * MIB;
    bytes.send(format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")).await?;
    bytes.until("\n\r\n").await?;
    let mut sent = 0;
    while bytes.send(vec![b'x'; MIB]).await.is_ok() {
        sent += 1;
        assert!(sent <= 20, "it keeps reading");
    }
    // Bytes that were in the pipe when it stopped were sent but not read.
    assert!((16..=18).contains(&sent), "{sent} MiB were read");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_expects_100_continue_gets_none_and_nothing_is_read() -> Result<()> {
    let server = Memory::start(config()).await;
    for (request, expected, sentence) in REFUSED {
        let mut bytes = Bytes::open(&server);
        let clock = Paused::start();
        let expects = "expect: 100-Continue\r\ncontent-length: 3000000";
        bytes.send(format!("{request} HTTP/1.1\r\nhost: a\r\n{expects}\r\n\r\n")).await?;
        let head = bytes.head().await?;
        assert_eq!(status(&head), expected, "{request}");
        assert!(head.contains("connection: close") && head.contains("content-length: "), "{head}");
        assert!(bytes.all_the_rest().await?.starts_with(sentence), "{request}");
        assert_eq!(clock.elapsed(), Duration::ZERO, "{request}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_head_request_with_a_body_is_answered_at_once() -> Result<()> {
    let server = Memory::start(config()).await;
    for (path, expected) in [("/healthz", 200), ("/nowhere", 404), ("/long_sync?delay=0s", 200)] {
        let mut bytes = Bytes::open(&server);
        let clock = Paused::start();
        bytes.send(format!("HEAD {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n")).await?;
        let head = bytes.head().await?;
        assert_eq!((status(&head), clock.elapsed()), (expected, Duration::ZERO), "{path}");
        assert_eq!(bytes.all_the_rest().await?, "", "{path}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_delay_of_a_post_runs_from_its_head_as_for_get() -> Result<()> {
    let server = Memory::start(with_delay(ms(700))).await;
    for (query, delay) in [("", 700), ("?delay=300ms", 300), ("?behavior=constant(1s)", 1_000)] {
        let mut bytes = Bytes::open(&server);
        let clock = Paused::start();
        bytes
            .send(format!(
                "POST /long_sync{query} HTTP/1.1\r\nhost: a\r\ncontent-length: 8\r\n\r\nhalf"
            ))
            .await?;
        clock.until(ms(200)).await;
        bytes.send("rest").await?;
        let head = bytes.head().await?;
        assert_eq!((status(&head), clock.elapsed()), (200, ms(delay)), "{query}");
        assert!(head.contains(&format!("waited;dur={delay}.000")), "{head}");
        // All of the body was read in the meantime, so the connection stays usable.
        assert!(head.contains("content-length: 5"), "{head}");
        bytes.until("Done!").await?;
        bytes.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await?;
        assert_eq!(status(&bytes.head().await?), 200);
    }
    assert_eq!(server.snapshot().calls_ended(CallKind::Http, Outcome::Answered), 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_post_with_a_late_body_is_answered_in_time() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut bytes = Bytes::open(&server);
    let clock = Paused::start();
    let length = 2 * MIB;
    bytes
        .send(format!(
            "POST /long_sync?delay=100ms HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n"
        ))
        .await?;
    assert_eq!(status(&bytes.head().await?), 200);
    bytes.until("Done!").await?;
    assert_eq!(clock.elapsed(), ms(100));
    bytes.send(vec![b'x'; length]).await?;
    bytes.until("\r\n0\r\n\r\n").await?;
    assert_eq!(clock.elapsed(), ms(100));
    // The body arrives after all.
    bytes.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    assert_eq!(status(&bytes.head().await?), 200);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_post_that_expects_100_continue_is_answered_without_it() -> Result<()> {
    let server = Memory::start(config()).await;
    let head = "POST /long_sync?delay=2s HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\
        content-length: 3145728\r\n\r\n";
    let mut patient = Bytes::open(&server);
    let clock = Paused::start();
    patient.send(head).await?;
    assert_eq!((status(&patient.head().await?), clock.elapsed()), (200, ms(2_000)));
    patient.until("Done!").await?;
    assert_eq!(patient.all_the_rest().await?, "\r\n0\r\n\r\n");
    assert_eq!(clock.elapsed(), ms(2_000));

    // After one second, curl sends the body without `100 Continue`: the answer must still get through.
    let mut impatient = Bytes::open(&server);
    impatient.send(head).await?;
    tokio::time::sleep(ms(1_000)).await;
    let (mut read, mut write) = tokio::io::split(impatient.0);
    let sending = tokio::spawn(async move { write.write_all(&vec![b'x'; 3 * MIB]).await });
    let mut said = String::new();
    read.read_to_string(&mut said).await?;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("\r\n0\r\n\r\n"), "{said}");
    sending.await??;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_form_with_a_delay_is_refused_and_told_to_put_it_into_the_query() -> Result<()> {
    let server = Memory::start(config()).await;
    let form = "content-type: Application/x-www-form-urlencoded; charset=utf-8";
    for (query, body, expected, part) in [
        (
            "?delay=0s",
            "delay=1s",
            400,
            "delay: it is in the body, which is not used: put it in the query",
        ),
        ("?delay=1h", "a=b&behavior=1s", 400, "behavior: it is in the body"),
        ("?delay=1s", "%64elay=1s", 400, "/long_sync?delay=250ms"),
        ("?delay=1s", "a=delay", 200, "Done!"),
        ("?delay=0s", "a=b", 200, "Done!"),
    ] {
        let mut bytes = Bytes::open(&server);
        let length = body.len();
        let head = format!(
            "POST /long_sync{query} HTTP/1.1\r\nhost: a\r\n{form}\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n"
        );
        bytes.send(head).await?;
        // The body is sent after the head, in two pieces.
        for piece in body.split_inclusive('=') {
            tokio::time::sleep(ms(1)).await;
            bytes.send(piece).await?;
        }
        let answer = bytes.all_the_rest().await?;
        assert_eq!(status(&answer), expected, "{query} {body}: {answer}");
        assert!(answer.contains(part), "{query} {body}: {answer}");
    }
    let counted = server.snapshot();
    assert_eq!(counted.calls_ended(CallKind::Http, Outcome::Refused), 3);
    assert_eq!(counted.calls_ended(CallKind::Http, Outcome::Answered), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_for_its_form_has_no_fault() -> Result<()> {
    let server = Memory::start(config()).await;
    for fault in ["hang(100%25)", "reset(100%25)", "fail(100%25,503)"] {
        let mut bytes = Bytes::open(&server);
        let request = format!(
            "POST /long_sync?behavior={fault} HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\
             content-type: application/x-www-form-urlencoded\r\nconnection: close\r\n\r\nstatus=503"
        );
        bytes.send(request).await?;
        let answer = bytes.all_the_rest().await?;
        assert_eq!(status(&answer), 400, "{fault}: {answer}");
        assert!(answer.contains("status: it is in the body"), "{fault}: {answer}");
    }
    let counted = server.snapshot();
    assert_eq!(counted.calls_ended(CallKind::Http, Outcome::Refused), 3);
    assert!(counted.faults().all(|(_, count)| count == 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_for_a_form_for_two_seconds_and_a_refusal_does_not() -> Result<()> {
    let server = Memory::start(config()).await;
    let form = "content-type: application/x-www-form-urlencoded";
    // A request that is refused for another reason is refused at once.
    let mut refused = Bytes::open(&server);
    let clock = Paused::start();
    let head = format!(
        "POST /long_sync?delay=2h HTTP/1.1\r\nhost: a\r\n{form}\r\ncontent-length: 9\r\n\r\n"
    );
    refused.send(head).await?;
    assert_eq!((status(&refused.head().await?), clock.elapsed()), (400, Duration::ZERO));

    let mut slow = Bytes::open(&server);
    let clock = Paused::start();
    slow.send(format!(
        "POST /long_sync?delay=0s HTTP/1.1\r\nhost: a\r\n{form}\r\ncontent-length: 9\r\n\r\n"
    ))
    .await?;
    assert_eq!((status(&slow.head().await?), clock.elapsed()), (200, ms(2_000)));
    Ok(())
}

const REQUEST: &str = "GET /long_sync?delay=20ms HTTP/1.1\r\nhost: longsync.test\r\n\r\n";

/// A connection whose client has sent nothing yet, and an idle one.
async fn new_and_idle(server: &Memory) -> Result<[Bytes; 2]> {
    let mut idle = Bytes::open(server);
    idle.send(REQUEST).await?;
    idle.until("Done!").await?;
    Ok([Bytes::open(server), idle])
}

#[tokio::test(start_paused = true)]
async fn a_request_that_arrived_before_a_drain_but_was_not_read_yet_is_answered() -> Result<()> {
    for which in [0, 1] {
        let server = Memory::start(config()).await;
        let bytes = &mut new_and_idle(&server).await?[which];
        let clock = Paused::start();
        bytes.send(REQUEST).await?;
        // No connection has had a turn since.
        server.worker.drain().await;
        let answer = bytes.all_the_rest().await?;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("Done!"), "{answer:?}");
        assert!(answer.contains("connection: close"), "{answer}");
        assert_eq!(server.snapshot().calls_ended(CallKind::Http, Outcome::Answered), 2);
        if which == 0 {
            assert_eq!(clock.elapsed(), ms(20));
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_head_that_was_begun_before_a_drain_has_a_second_to_finish() -> Result<()> {
    let (begun, rest) = REQUEST.split_at(30);
    for (which, at, is_answered) in
        [(0, 900, true), (1, 900, true), (0, 1_100, false), (1, 1_100, false)]
    {
        let server = Memory::start(with_drain(ms(1_000))).await;
        let bytes = &mut new_and_idle(&server).await?[which];
        bytes.send(begun).await?;
        settle().await;
        let clock = Paused::start();
        let worker = server.worker.clone();
        let draining = tokio::spawn(async move { worker.drain().await });
        clock.until(ms(at)).await;
        // A closed connection may no longer accept it.
        let sent = bytes.send(rest).await;
        let answer = bytes.all_the_rest().await?;
        assert_eq!(answer.ends_with("Done!"), is_answered, "{which} at {at}: {answer}");
        draining.await?;
        assert!(!is_answered || sent.is_ok());
    }
    Ok(())
}

/// `curl -F a=b -F NAME=1s`.
fn in_parts(name: &str) -> String {
    let part = |name, value| {
        format!("--X-y\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    [&part("a", "name=\"delay\""), &part(name, "1s"), "--X-y--\r\n"].concat()
}

#[tokio::test(start_paused = true)]
async fn a_multipart_form_with_a_delay_is_refused_the_same_way() -> Result<()> {
    let form = "content-type: Multipart/Form-Data; charset=utf-8; boundary=\"X-y\"";
    for (name, expected) in
        [("delay", Some("delay")), ("behavior", Some("behavior")), ("delays", None)]
    {
        let (server, body) = (Memory::start(config()).await, in_parts(name));
        let mut bytes = Bytes::open(&server);
        let head = "POST /long_sync?delay=1s HTTP/1.1\r\nhost: a\r\nconnection: close";
        bytes.send(format!("{head}\r\n{form}\r\ntransfer-encoding: chunked\r\n\r\n")).await?;
        // The body is sent in chunks of five bytes.
        for chunk in body.as_bytes().chunks(5) {
            tokio::time::sleep(ms(1)).await;
            bytes.send(format!("{:x}\r\n{}\r\n", chunk.len(), str::from_utf8(chunk)?)).await?;
        }
        bytes.send("0\r\n\r\n").await?;
        let answer = bytes.all_the_rest().await?;
        let sentence = match expected {
            Some(name) => format!(
                "{name}: it is in the body, which is not used: put it in the query, \
                 as in /long_sync?{name}=250ms"
            ),
            None => "Done!".to_owned(),
        };
        assert_eq!(status(&answer), if expected.is_some() { 400 } else { 200 }, "{answer}");
        assert!(answer.contains(&sentence), "{answer}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_framing_contradicts_its_head_is_refused() -> Result<()> {
    let server = Memory::start(config()).await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let mut bytes = Bytes::open(&server);
        let clock = Paused::start();
        let head = "POST /long_sync?delay=1h HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked";
        bytes.send(format!("{head}\r\ncontent-type: {content_type}\r\n\r\n2\r\nde\r\n")).await?;
        clock.until(ms(100)).await;
        bytes.send("nonsense\r\n").await?;
        let answer = bytes.all_the_rest().await?;
        assert_eq!((status(&answer), clock.elapsed()), (400, ms(100)), "{answer}");
        assert!(answer.contains("body: its framing does not match the headers"), "{answer}");
    }
    assert_eq!(server.snapshot().calls_ended(CallKind::Http, Outcome::Refused), 2);
    Ok(())
}

/// hyper would no longer check whether anybody is there, and would answer a client that has sent half a form.
#[tokio::test(start_paused = true)]
async fn a_client_that_disconnects_in_the_middle_of_its_body_cancels_its_call() -> Result<()> {
    for (framing, is_half_closed) in [
        ("transfer-encoding: chunked\r\n\r\n5\r\nde", true),
        ("transfer-encoding: chunked\r\n\r\n5\r\nde", false),
        ("content-length: 9\r\n\r\nde", true),
        ("content-type: application/x-www-form-urlencoded\r\ncontent-length: 9\r\n\r\nde", true),
    ] {
        let server = Memory::start(config()).await;
        let (mut io, serving) = server.open();
        let clock = Paused::start();
        let head = "POST /long_sync?delay=1h HTTP/1.1\r\nhost: a";
        io.write_all(format!("{head}\r\n{framing}").as_bytes()).await?;
        clock.until(ms(100)).await;
        assert_eq!(server.snapshot().calls_in_flight(), 1, "{framing}");
        if is_half_closed {
            io.shutdown().await?;
            assert_eq!(io.read_to_end(&mut Vec::new()).await?, 0, "{framing}");
        } else {
            drop(io);
        }
        serving.await?;
        assert_eq!(clock.elapsed(), ms(100), "{framing}");
        let counted = server.snapshot();
        assert_eq!(counted.calls_ended(CallKind::Http, Outcome::Cancelled), 1, "{framing}");
    }
    Ok(())
}
