//! What a server may answer, and how `call`, `race` and the load engine deal with it.

use std::time::Duration;

use longsync::duration::to_proto;
use longsync::v1::{LongSyncExchangeResponse, LongSyncResponse, LongSyncStreamResponse, Timing};
use longsync_client::race::{self, CallEnd, Race, RacePlanBuilder, Way};
use longsync_client::single::{
    ReceivedAnswer as Answered, RpcKind, Single, SinglePlan, SinglePlanBuilder, answer_line, call,
    to_json, to_text,
};
use longsync_connect::status::code_name;
use longsync_connect::{Code, Target};
use longsync_load::Load;
use longsync_stats::StatusCode;
use prost::Message as _;
use tokio_util::sync::CancellationToken;

use crate::harness::{loaded, race_plan};
use crate::peer::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, PING, PUSH_PROMISE, Peer, answer,
    done, frame, goaway, head, headers, hpack, message, ok, only, page, reset, settings_frame,
};

/// A call that has not ended within this time hangs.
const SOON: Duration = Duration::from_secs(20);

async fn called(plan: &SinglePlanBuilder) -> Single {
    let (plan, interrupt) = (plan.clone().build().unwrap(), CancellationToken::new());
    let calling = call(&plan, &interrupt, async |_| {});
    tokio::time::timeout(SOON, calling).await.expect("the call ends").unwrap()
}

fn plan(target: &Target, kind: RpcKind) -> SinglePlanBuilder {
    SinglePlan::builder(kind, target.clone())
}

async fn raced(plan: &RacePlanBuilder) -> Race {
    let plan = plan.clone().build().unwrap();
    let (interrupt, progress) = (CancellationToken::new(), race::RaceProgress::default());
    let racing = race::run(&plan, &interrupt, &progress);
    tokio::time::timeout(SOON, racing).await.expect("the race ends").unwrap()
}

/// The status and the sentence with which the only call of a race ended.
async fn raced_once(target: &Target, way: Way) -> (String, String) {
    let mut race = raced(&race_plan(Some(target), 1, &[way])).await;
    match race.runs.remove(0).rows.remove(0).end {
        CallEnd::Failed { status, message, .. } => (status, message),
        CallEnd::Answered { .. } => ("OK".to_owned(), String::new()),
        other => panic!("{other:?}"),
    }
}

async fn loaded_once(target: &Target) -> Load {
    tokio::time::timeout(SOON, loaded(target, 1)).await.expect("the run ends")
}

/// The outcome of an answer: all three give the same code, and `call` and `race` the same sentence.
async fn said_of(answer: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> (Code, String) {
    let peer = Peer::answering(answer).await;
    let single = called(&plan(&peer.target, RpcKind::Unary)).await;
    let status = single.status.unwrap();
    let said = (code_name(status.code()).to_owned(), status.message().to_owned());
    let (code, sentence) = raced_once(&peer.target, Way::Tasks).await;
    // A race truncates a long one.
    assert!(
        code == said.0 && (sentence == said.1 || sentence.contains("...")),
        "{sentence} {said:?}"
    );
    let load = loaded_once(&peer.target).await;
    let statuses: Vec<_> = load.figures.counts.statuses().collect();
    assert_eq!(statuses, [(StatusCode::from(i32::from(status.code())), 1)], "{}", status.message());
    (status.code(), said.1)
}

type MessageMaker = Box<dyn Fn(u32) -> Vec<u8> + Send + Sync>;

fn with(make: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> MessageMaker {
    Box::new(make)
}

/// Trailers after a complete message.
fn ended(fields: &'static [(&'static str, &'static [u8])]) -> MessageMaker {
    with(move |stream| {
        [head(stream), frame(DATA, 0, stream, &done()), headers(stream, END_STREAM, fields)]
            .concat()
    })
}

async fn each_is_said(cases: Vec<(MessageMaker, Code, &str)>) {
    for (answer, code, words) in cases {
        let (said, sentence) = said_of(answer).await;
        assert_eq!(said, code, "{words}: {sentence}");
        assert!(sentence.contains(words), "{words}: {sentence}");
    }
}

#[tokio::test]
async fn invalid_statuses_are_quoted_and_valid_ones_keep_code_and_text() {
    each_is_said(vec![
        (ended(&[("grpc-status", b"abc")]), Code::Unknown, "`abc`"),
        (ended(&[("grpc-status", b"99")]), Code::Unknown, "`99`"),
        (ended(&[("grpc-status", b"-1"), ("grpc-message", b"x")]), Code::Unknown, "`-1`"),
        (ended(&[("grpc-status", b"")]), Code::Unknown, "``"),
        (ended(&[("grpc-status", b"0"), ("grpc-status", b"5")]), Code::Unknown, "`0` and `5`"),
        (
            ended(&[("grpc-status", b"8"), ("grpc-message", b"%C3 a%zz")]),
            Code::ResourceExhausted,
            "\u{fffd} a%zz",
        ),
        (
            ended(&[("grpc-status", b"5"), ("grpc-message", b"caf\xe9")]),
            Code::NotFound,
            "caf\u{fffd}",
        ),
        (ended(&[("x", b"y")]), Code::Unknown, "without a grpc-status, after 1 message"),
        (ended(&[("grpc-status", b"00")]), Code::Ok, ""),
    ])
    .await;
}

#[tokio::test]
async fn unreadable_details_are_dropped_and_joined_ones_are_read() {
    const FIELD: &str = "grpc-status-details-bin";
    for broken in [&b"!!!"[..], b"a b", b"%", b"", b","] {
        let told = said_of(move |stream| {
            only(stream, &[("grpc-status", b"5"), ("grpc-message", b"x"), (FIELD, broken)])
        });
        assert_eq!(told.await, (Code::NotFound, "x".to_owned()));
    }
    // With a longsync Timing among them.
    let server = crate::harness::start(longsync_server::Limits::default());
    let refused = plan(&server.target, RpcKind::Unary).behavior("hung(1%)".to_owned());
    let details = called(&refused).await.status.unwrap().details().to_vec();
    let peer = Peer::answering(move |stream| {
        use base64::Engine as _;
        let details = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&details);
        let joined = format!("!!!,{details},{details}");
        only(stream, &[("grpc-status", b"3"), (FIELD, joined.as_bytes())])
    })
    .await;
    assert!(called(&plan(&peer.target, RpcKind::Unary)).await.failure_timing().is_some());
}

#[tokio::test]
async fn impossible_messages_are_reported() {
    let of = |data: Vec<u8>| with(move |stream| answer(stream, &data));
    let two = [done(), done()].concat();
    each_is_said(vec![
        (of(done()), Code::Ok, ""),
        (of(b"\0\xff\xff\xff\xff".to_vec()), Code::ResourceExhausted, "4,294,967,295 bytes"),
        (of(b"\0\0\x40\0\x01".to_vec()), Code::ResourceExhausted, "4,194,305 bytes"),
        (of(two), Code::Unimplemented, "a second message"),
        (of(Vec::new()), Code::Unimplemented, "no message arrived"),
        (of(done()[..8].to_vec()), Code::Internal, "cut short"),
        (of([&done()[..], b"\0\0"].concat()), Code::Internal, "cut short"),
        (of([&[1], &done()[1..]].concat()), Code::Internal, "no grpc-encoding"),
        (of([&[60], &done()[1..]].concat()), Code::Internal, "byte 60"),
        (of([&[255], &done()[1..]].concat()), Code::Internal, "byte 255"),
        (of(b"\0\0\0\0\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()), Code::Internal, ""),
        (
            with(|stream| {
                let gzip: &[(&str, &[u8])] = &[
                    (":status", b"200"),
                    ("content-type", b"application/grpc"),
                    ("grpc-encoding", b"gzip"),
                ];
                let data = frame(DATA, 0, stream, b"\x01\0\0\0\x02ab");
                [headers(stream, 0, gzip), data, ok(stream)].concat()
            }),
            Code::Internal,
            "`gzip`",
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_error_from_a_proxy_is_shown_as_such() {
    for (status, code) in [
        ("400", Code::Internal),
        ("401", Code::Unauthenticated),
        ("403", Code::PermissionDenied),
        ("404", Code::Unimplemented),
        ("429", Code::Unavailable),
        ("502", Code::Unavailable),
        ("503", Code::Unavailable),
        ("504", Code::Unavailable),
        ("500", Code::Unknown),
        ("302", Code::Unknown),
    ] {
        let (said, sentence) =
            said_of(move |stream| page(stream, status, "text/html", b"<h1>oops</h1>\nmore")).await;
        assert_eq!(said, code, "{sentence}");
        for word in [status, "`text/html`", "`<h1>oops</h1>`"] {
            assert!(sentence.contains(word), "{sentence}");
        }
    }
    let grpc_status_first =
        with(|stream| headers(stream, END_STREAM, &[(":status", b"503"), ("grpc-status", b"8")]));
    let not_believed =
        with(|stream| headers(stream, END_STREAM, &[(":status", b"503"), ("grpc-status", b"0")]));
    let without_type = with(|stream| headers(stream, END_STREAM, &[(":status", b"200")]));
    each_is_said(vec![
        (with(|stream| page(stream, "200", "text/html", b"<html>")), Code::Unknown, "`text/html`"),
        (with(|stream| page(stream, "502", "a/b", b"\x1b]0;x\x07")), Code::Unavailable, "502"),
        (grpc_status_first, Code::ResourceExhausted, ""),
        (
            not_believed,
            Code::Unavailable,
            "HTTP 503 Service Unavailable although its grpc-status is 0",
        ),
        (
            with(|stream| {
                let head: [(&str, &[u8]); 2] =
                    [(":status", b"502"), ("content-type", b"application/grpc")];
                [headers(stream, 0, &head), ok(stream)].concat()
            }),
            Code::Unavailable,
            "HTTP 502 Bad Gateway although its grpc-status is 0",
        ),
        (without_type, Code::Unknown, "no content-type"),
    ])
    .await;
}

#[tokio::test]
async fn an_endless_page_ends_the_call() {
    let peer = Peer::start(|mut wire, _| async move {
        wire.settings(&[]).await?;
        let Some(stream) = wire.request().await? else { return Ok(()) };
        let html: &[(&str, &[u8])] = &[(":status", b"502"), ("content-type", b"text/html")];
        wire.send(&headers(stream, 0, html)).await?;
        wire.send(&frame(DATA, 0, stream, b"<h1>wait</h1>\n")).await?;
        wire.hold().await
    })
    .await;
    let status = called(&plan(&peer.target, RpcKind::Unary)).await.status.unwrap();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().ends_with("`<h1>wait</h1>`"), "{status}");
}

#[tokio::test]
async fn unusual_frames_change_nothing() {
    let padded = with(|stream| {
        let data = done();
        let pad = |bytes: &[u8], padding: u8| {
            let zeros = vec![0; padding.into()];
            frame(DATA, PADDED, stream, &[&[padding], bytes, &zeros].concat())
        };
        [
            head(stream),
            pad(&data[..3], 5),
            frame(DATA, 0, stream, b""),
            pad(&data[3..], 255),
            ok(stream),
        ]
        .concat()
    });
    let informational = with(|stream| {
        let early = headers(stream, 0, &[(":status", b"103"), ("link", b"</a>")]);
        [early.repeat(1_000), answer(stream, &done())].concat()
    });
    let unknown = with(|stream| {
        let ping = frame(PING, 0, 0, b"12345678");
        let priority = frame(0x10, 0, 0, b"\0\0\0\x01u=1");
        [
            frame(0x77, 9, 0, b"zz"),
            ping,
            priority,
            settings_frame(&[(0x1234, 7)]),
            answer(stream, &done()),
        ]
        .concat()
    });
    let no_error_after_all = with(|stream| [answer(stream, &done()), reset(stream, 0)].concat());
    let trailers_twice = with(|stream| [answer(stream, &done()), ok(stream)].concat());
    let data_after_all =
        with(|stream| [answer(stream, &done()), frame(DATA, 0, stream, &done())].concat());
    let goaway_that_covers_it =
        with(|stream| [goaway(stream, 0, b""), answer(stream, &done())].concat());
    for fine in [
        padded,
        informational,
        unknown,
        no_error_after_all,
        trailers_twice,
        data_after_all,
        goaway_that_covers_it,
    ] {
        assert_eq!(said_of(fine).await.0, Code::Ok);
    }
}

#[tokio::test]
async fn http2_errors_are_reported_as_sentences() {
    each_is_said(vec![
        (with(|stream| reset(stream, 0)), Code::Internal, "RST_STREAM NO_ERROR"),
        (with(|stream| reset(stream, 8)), Code::Cancelled, "RST_STREAM CANCEL"),
        (with(|stream| reset(stream, 11)), Code::ResourceExhausted, "ENHANCE_YOUR_CALM"),
        (with(|stream| reset(stream, 12)), Code::PermissionDenied, "INADEQUATE_SECURITY"),
        (
            with(|stream| {
                let promised = hpack(&[(":method", b"GET"), (":path", b"/")]);
                let promise = [&2_u32.to_be_bytes()[..], &promised].concat();
                frame(PUSH_PROMISE, END_HEADERS, stream, &promise)
            }),
            Code::Unavailable,
            "broke the rules of HTTP/2: PROTOCOL_ERROR",
        ),
        (with(|stream| frame(DATA, 0, stream, &done())), Code::Unavailable, "broke the rules"),
        (with(|stream| answer(stream + 2, &done())), Code::Unavailable, "broke the rules"),
        (with(|_| b"\xff\xff\xff\0\0\0\0\0\x01".to_vec()), Code::Unavailable, "FRAME_SIZE_ERROR"),
        (
            with(|stream| {
                [frame(HEADERS, 0, stream, &[0x82]), frame(CONTINUATION, 0, 9, b"")].concat()
            }),
            Code::Unavailable,
            "broke the rules",
        ),
        (
            with(|stream| {
                let head = [head(stream), frame(DATA, 0, stream, &done()[..4])].concat();
                [head, reset(stream, 2)].concat()
            }),
            Code::Internal,
            "RST_STREAM INTERNAL_ERROR",
        ),
        (
            with(|stream| [head(stream), reset(stream, 7)].concat()),
            Code::Unavailable,
            "refused the call after it had begun to answer: RST_STREAM REFUSED_STREAM",
        ),
    ])
    .await;
}

#[tokio::test]
async fn oversized_headers_are_reported_as_a_sentence() {
    let large = |count: usize| {
        with(move |stream| {
            let value = vec![b'v'; 1_000];
            let names: Vec<_> = (0..count).map(|index| format!("x-{index}")).collect();
            let mut fields: Vec<(&str, &[u8])> = vec![
                (":status", b"200"),
                ("content-type", b"application/grpc"),
                ("grpc-status", b"2"),
            ];
            fields.extend(names.iter().map(|name| (&**name, &value[..])));
            headers(stream, END_STREAM, &fields)
        })
    };
    let many = with(|stream| {
        let names: Vec<_> = (0..40_000).map(|index| format!("x{index}")).collect();
        let mut fields: Vec<(&str, &[u8])> = vec![(":status", b"200")];
        fields.extend(names.iter().map(|name| (&**name, &b""[..])));
        headers(stream, END_STREAM, &fields)
    });
    each_is_said(vec![
        (large(60), Code::Unknown, ""),
        (many, Code::Internal, "its headers were too many or too large"),
        (large(2_000), Code::ResourceExhausted, "at most 262,144 are read"),
    ])
    .await;
}

#[tokio::test]
async fn an_endless_stream_of_answers_is_ended() {
    let peer = Peer::start(|mut wire, _| async move {
        wire.settings(&[]).await?;
        let Some(stream) = wire.request().await? else { return Ok(()) };
        wire.send(&head(stream)).await?;
        let message = message(&LongSyncStreamResponse { index: 0, ..Default::default() });
        // It never ends on its own.
        loop {
            wire.send(&frame(DATA, 0, stream, &message.repeat(100))).await?;
        }
    })
    .await;
    for kind in [RpcKind::Stream, RpcKind::Exchange] {
        let many = plan(&peer.target, kind).count(1);
        let single = called(&many).await;
        assert_eq!(single.code(), Some(Code::Internal), "{:?}", single.status);
        assert_eq!(single.answers.len(), 1, "the answers that arrived are missing");
    }
    let single = called(&plan(&peer.target, RpcKind::Unary)).await;
    assert_eq!((single.code(), single.answers.len()), (Some(Code::Unimplemented), 1));
}

#[tokio::test]
async fn an_endless_answer_is_refused_before_it_is_buffered() {
    let peer = Peer::start(|mut wire, _| async move {
        wire.settings(&[]).await?;
        let Some(stream) = wire.request().await? else { return Ok(()) };
        wire.send(&head(stream)).await?;
        wire.send(&frame(DATA, 0, stream, b"\0\x7f\xff\xff\xff")).await?;
        wire.hold().await
    })
    .await;
    let stream = plan(&peer.target, RpcKind::Stream);
    let larger = stream.clone().response_bytes(1_000);
    for (limited, most) in
        [(stream, "4,194,304"), (larger.clone(), "4,195,304"), (larger.max_answer_bytes(10), "10")]
    {
        let status = called(&limited).await.status.unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().contains(&format!("at most {most} are accepted")), "{status}");
    }
    let (code, _) = raced_once(&peer.target, Way::Exchange).await;
    assert_eq!(code, "RESOURCE_EXHAUSTED");
    let load = loaded_once(&peer.target).await;
    assert_eq!(load.figures.counts.ended_with(Code::ResourceExhausted), 1);
}

#[tokio::test]
async fn answers_that_arrived_are_kept_when_the_rest_is_missing() {
    let two = [done(), done()].concat();
    let short = [&two[..], &done()[..7]].concat();
    let cut = Peer::answering(move |stream| answer(stream, &short)).await;
    let few = Peer::answering(move |stream| answer(stream, &two)).await;
    for (peer, words) in [(cut, "cut short"), (few, "after 2 of 3 answers")] {
        let three = plan(&peer.target, RpcKind::Stream).count(3);
        let single = called(&three).await;
        assert_eq!((single.code(), single.answers.len()), (Some(Code::Internal), 2));
        assert!(single.status.as_ref().unwrap().message().contains(words), "{:?}", single.status);
    }
    // A single answer is kept as well: here its status is missing.
    let cut = Peer::answering(|stream| {
        [head(stream), frame(DATA, 0, stream, &done()), reset(stream, 2)].concat()
    })
    .await;
    let single = called(&plan(&cut.target, RpcKind::Unary)).await;
    assert_eq!((single.code(), single.answers.len()), (Some(Code::Internal), 1));
}

#[tokio::test]
async fn an_exchange_accepts_one_answer_per_message_sent() {
    for (ids, words) in
        [(vec![7], "message 7, which was not sent"), (vec![0, 0], "message 0 twice")]
    {
        let data = answers_to(&ids);
        let peer = Peer::answering(move |stream| answer(stream, &data)).await;
        let two = plan(&peer.target, RpcKind::Exchange).count(2);
        let status = called(&two).await.status.unwrap();
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().contains(words), "{status}");
        let race = raced(&race_plan(Some(&peer.target), 2, &[Way::Exchange])).await;
        let CallEnd::Failed { status, message, .. } = &race.runs[0].rows[1].end else {
            panic!("{race:?}")
        };
        assert!(status == "INTERNAL" && message.contains(words), "{message}");
    }
}

/// An answer to each of these messages of an exchange.
fn answers_to(ids: &[u64]) -> Vec<u8> {
    let answer = |id: &u64| message(&LongSyncExchangeResponse { id: *id, ..Default::default() });
    ids.iter().flat_map(answer).collect()
}

/// The notes of the only way of a race, as in its document.
fn notes_of(race: &Race) -> String {
    let json: serde_json::Value = serde_json::from_str(&race::to_json(race).unwrap()).unwrap();
    json["ways"][0]["notes"].to_string()
}

#[tokio::test]
async fn the_end_of_an_exchange_is_shown_even_if_all_messages_were_answered() {
    let internal = |stream| headers(stream, END_STREAM, &[("grpc-status", b"13")]);
    // How many of the two messages keep their answers, and the note.
    for (ids, trailers, answered, words) in [
        (vec![0, 1], ok as fn(u32) -> Vec<u8>, 2, "[]"),
        (vec![0, 1, 0], ok, 1, "1 call failed: INTERNAL: the server answered message 0 twice"),
        (vec![0, 1, 2], ok, 2, "INTERNAL: the server answered message 2, which was not sent"),
        (
            vec![0, 1],
            internal,
            2,
            "1 stream ended with an error although all its messages were answered: INTERNAL\"",
        ),
        (
            vec![0, 0],
            ok,
            0,
            "2 calls failed; the first: INTERNAL: the server answered message 0 twice",
        ),
    ] {
        let data = answers_to(&ids);
        let peer = Peer::answering(move |stream| {
            [head(stream), frame(DATA, 0, stream, &data), trailers(stream)].concat()
        })
        .await;
        let race = raced(&race_plan(Some(&peer.target), 2, &[Way::Exchange])).await;
        assert_eq!(race.runs[0].answered(), answered, "{ids:?}: {:?}", race.runs[0].rows);
        let notes = notes_of(&race);
        assert!(notes.contains(words), "{ids:?}: {notes}");
        let two = plan(&peer.target, RpcKind::Exchange).count(2);
        let is_fine = words == "[]";
        assert_eq!(called(&two).await.code() == Some(Code::Ok), is_fine, "{ids:?}");
    }
}

#[tokio::test]
async fn an_exchange_that_does_not_end_is_reported() {
    let data = answers_to(&[0, 1]);
    let peer =
        Peer::answering(move |stream| [head(stream), frame(DATA, 0, stream, &data)].concat());
    let peer = peer.await;
    let plan = race_plan(Some(&peer.target), 2, &[Way::Exchange]);
    let plan = plan.cancel_after(Duration::from_millis(100));
    let notes = notes_of(&raced(&plan).await);
    assert!(notes.contains("1 stream had to be cancelled although all its messages"), "{notes}");

    let (interrupt, progress) = (CancellationToken::new(), race::RaceProgress::default());
    let plan = race_plan(Some(&peer.target), 2, &[Way::Exchange]).build().unwrap();
    let interrupting = async {
        let both = [race::ProgressSnapshot { done: 2, in_flight: 0 }];
        crate::harness::eventually(|| progress.read() == both).await;
        interrupt.cancel();
    };
    let (race, ()) = tokio::join!(race::run(&plan, &interrupt, &progress), interrupting);
    let notes = notes_of(&race.unwrap());
    assert!(notes.contains("1 stream had not ended when the race was ended"), "{notes}");
}

#[tokio::test]
async fn impossible_waits_are_not_shown() {
    let year = Duration::from_secs(365 * 24 * 3_600);
    for (waited, is_shown) in [
        (to_proto(Duration::from_millis(5)), true),
        (to_proto(1_000 * year), false),
        (prost_types::Duration { seconds: i64::MAX, nanos: 999_999_999 }, false),
        (prost_types::Duration { seconds: -5, nanos: 0 }, false),
        (prost_types::Duration { seconds: 1, nanos: i32::MAX }, false),
    ] {
        let timing = Timing {
            planned: Some(waited),
            waited: Some(waited),
            queued: Some(waited),
            deadline_left: Some(waited),
            received_at: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: i32::MIN }),
            ..Default::default()
        };
        let response = LongSyncResponse { timing: Some(timing), ..Default::default() };
        let data = message(&response);
        let peer = Peer::answering(move |stream| answer(stream, &data)).await;
        let single = called(&plan(&peer.target, RpcKind::Unary)).await;
        assert_eq!(single.answers[0].added_ns().is_some(), is_shown);
        let json: serde_json::Value = serde_json::from_str(&to_json(&single).unwrap()).unwrap();
        let shown = &json["answers"][0]["timing"];
        for figure in ["waited_ns", "planned_ns", "queued_ns", "deadline_left_ns"] {
            assert_eq!(shown[figure].is_u64(), is_shown, "{figure}");
        }
        let text = anstream::adapter::strip_str(&to_text(&single, 80)).to_string();
        assert_eq!(text.contains(" 5ms "), is_shown, "{text}");
        assert_eq!(loaded_once(&peer.target).await.figures.added.count(), u64::from(is_shown));
    }
}

/// Characters that a terminal would obey: C0, DEL, C1, and direction marks.
const ACTS: &str = "\x1b[31mred\x07\r\n\u{7f}\u{9b}2J\u{202e}txt";

/// Whatever else is wrong with a timing, the fault that it names is counted.
#[tokio::test]
async fn a_load_counts_faults_beside_what_it_cannot_believe() {
    let negative = Some(prost_types::Duration { seconds: -5, nanos: 0 });
    let fault = "slow(1%, 1B/s)".to_owned();
    let timing = Some(Timing { waited: negative, fault, ..Timing::default() });
    let answered = LongSyncResponse { timing, ..LongSyncResponse::default() };
    let bytes = message(&answered);
    let peer = Peer::answering(move |stream| answer(stream, &bytes)).await;
    let load = loaded_once(&peer.target).await;
    assert_eq!(load.figures.counts.good, 1);
    assert_eq!(faults_of(&load), [("slow(1%, 1B/s)", 1)]);

    // Bytes that are not UTF-8, in an answer and in the status of a failed call.
    let timing = timing_with_clause(b"fail(1%\xff, ABORTED)");
    let answered = [&[0x12, u8::try_from(timing.len()).unwrap()][..], &timing].concat();
    let bytes = [&[0, 0, 0, 0, u8::try_from(answered.len()).unwrap()][..], &answered].concat();
    let peer = Peer::answering(move |stream| answer(stream, &bytes)).await;
    let load = loaded_once(&peer.target).await;
    assert_eq!(load.figures.counts.ended_with(Code::Internal), 1, "malformed");
    let any = prost_types::Any { type_url: longsync::TIMING_TYPE_URL.to_owned(), value: timing };
    // A google.rpc.Status with one detail.
    let any = any.encode_to_vec();
    let details = [&[8, 10, 3 << 3 | 2, u8::try_from(any.len()).unwrap()][..], &any].concat();
    let peer = Peer::answering(move |stream| {
        use base64::Engine as _;
        let details = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&details);
        let field = ("grpc-status-details-bin", details.as_bytes());
        only(stream, &[("grpc-status", b"10"), field])
    })
    .await;
    let load = loaded_once(&peer.target).await;
    assert_eq!(load.figures.counts.ended_with(Code::Aborted), 1);
    assert_eq!(faults_of(&load), [("fail(1%\u{fffd}, ABORTED)", 1)]);
}

fn faults_of(load: &Load) -> Vec<(&str, u64)> {
    load.figures.faults.by_count()
}

/// An encoded timing whose only field is this clause.
fn timing_with_clause(clause: &[u8]) -> Vec<u8> {
    const FAULT_KEY: u8 = 12 << 3 | 2;
    [&[FAULT_KEY, u8::try_from(clause.len()).unwrap()][..], clause].concat()
}

#[tokio::test]
async fn text_from_a_server_is_escaped_everywhere() {
    let acts = |text: &str| {
        text.replace('\n', "").contains(|each: char| each.is_control() || each == '\u{202e}')
    };
    let failure = longsync::v1::Failure { code: 99, message: ACTS.to_owned() };
    let texts = Timing { behavior: ACTS.to_owned(), server: ACTS.to_owned(), ..Default::default() };
    let answered = LongSyncExchangeResponse {
        message: ACTS.to_owned(),
        timing: Some(texts),
        payload: ACTS.as_bytes().to_vec().into(),
        ..Default::default()
    };
    let failed = LongSyncExchangeResponse { failure: Some(failure), id: 1, ..Default::default() };
    let data = [message(&answered), message(&failed)].concat();
    let status = percent_encoded(ACTS);
    let peer = Peer::answering(move |stream| {
        let trailers: [(&str, &[u8]); 2] =
            [("grpc-status", b"9"), ("grpc-message", status.as_bytes())];
        [head(stream), frame(DATA, 0, stream, &data), headers(stream, END_STREAM, &trailers)]
            .concat()
    })
    .await;
    let two = plan(&peer.target, RpcKind::Exchange).count(2);
    let mut lines = Vec::new();
    let show = async |answer: &Answered| lines.push(answer_line(answer, 80));
    let single = call(&two.build().unwrap(), &CancellationToken::new(), show).await.unwrap();
    assert_eq!(single.status.as_ref().unwrap().message(), ACTS);
    assert!(
        lines[0].starts_with(r"0: \u{1b}[31mred\u{7}\r\n\u{7f}\u{9b}2J\u{202e}txt"),
        "{}",
        lines[0]
    );
    for text in lines.iter().chain([&to_text(&single, 80)]) {
        let text = without_our_colors(text);
        assert!(!acts(&text), "{text:?}");
    }
    let json = to_json(&single).unwrap();
    assert!(!acts(&json), "{json}");
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["status"]["message"], ACTS);
    assert_eq!(read["answers"][0]["timing"]["behavior"], ACTS);

    let race = raced(&race_plan(Some(&peer.target), 3, &[Way::Exchange])).await;
    let read: serde_json::Value = serde_json::from_str(&race::to_json(&race).unwrap()).unwrap();
    for index in [1, 2] {
        assert_eq!(read["ways"][0]["calls"][index]["message"], ACTS);
    }
    assert!(read["ways"][0]["notes"][0].as_str().unwrap().ends_with(ACTS), "{read}");
    for text in [race::to_text(&race, 80), race::to_svg(&race), race::to_json(&race).unwrap()] {
        let text = without_our_colors(&text);
        assert!(!acts(&text), "{text:?}");
        assert!(text.contains("31mred"), "{text}");
    }
}

/// Percent-encoded, as in gRPC's header.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"))
}

fn without_our_colors(text: &str) -> String {
    let mut text = text.to_owned();
    for style in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[35m"] {
        text = text.replace(style, "");
    }
    text
}

#[tokio::test]
async fn a_window_that_opens_late_delays_a_call_only_until_then() {
    const INITIAL_WINDOW_SIZE: u16 = 4;
    let peer = Peer::start(|mut wire, _| async move {
        wire.settings(&[(INITIAL_WINDOW_SIZE, 0)]).await?;
        while let Some((kind, _, stream)) = wire.frame().await? {
            if kind == HEADERS {
                wire.settings(&[(INITIAL_WINDOW_SIZE, 65_535)]).await?;
                wire.request().await?;
                wire.send(&answer(stream, &done())).await?;
            }
        }
        Ok(())
    })
    .await;
    for kind in [RpcKind::Unary, RpcKind::Stream, RpcKind::Collect, RpcKind::Exchange] {
        let single = called(&plan(&peer.target, kind)).await;
        assert_eq!(single.code(), Some(Code::Ok), "{kind}: {:?}", single.status);
    }
}

#[tokio::test]
async fn a_peer_of_another_protocol_is_identified_by_its_first_bytes() {
    for (says, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..], "HTTP/1.1 400 Bad Request"),
        (b"\x15\x03\x01\0\x02\x02\x16", "TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2"),
        (&[0; 1_000], "not a SETTINGS frame"),
        (b"\x1b]0;x\x07 and more than a frame's head", "not a SETTINGS frame"),
    ] {
        let peer = Peer::start(move |mut wire, _| async move { wire.send(says).await }).await;
        let plan = plan(&peer.target, RpcKind::Unary).build().unwrap();
        let why = call(&plan, &CancellationToken::new(), async |_| {}).await;
        let why = why.unwrap_err().to_string();
        assert!(why.contains("does not speak the protocol") && why.contains(words), "{why}");
        assert!(!why.contains(char::is_control), "{why:?}");
    }
}

#[tokio::test]
async fn invalid_settings_are_reported_as_an_http2_violation() {
    let peer = Peer::start(|mut wire, _| async move {
        wire.settings(&[(4, 1 << 31)]).await?;
        wire.hold().await
    })
    .await;
    let plan = plan(&peer.target, RpcKind::Unary).build().unwrap();
    let why = call(&plan, &CancellationToken::new(), async |_| {}).await;
    let why = why.unwrap_err().to_string();
    assert!(why.contains("the server broke the rules of HTTP/2"), "{why}");
}

#[tokio::test]
async fn oversized_texts_are_not_kept() {
    let long = LongSyncStreamResponse { message: "x".repeat(3_000_000), ..Default::default() };
    let data = message(&long).repeat(2);
    let peer = Peer::answering(move |stream| {
        let frames = data.chunks(16_384).flat_map(|part| frame(DATA, 0, stream, part));
        [head(stream), frames.collect(), ok(stream)].concat()
    })
    .await;
    let two = plan(&peer.target, RpcKind::Stream).count(2);
    let single = called(&two).await;
    assert_eq!((single.code(), single.answers.len()), (Some(Code::ResourceExhausted), 2));
    // Only text that is kept counts.
    let single = called(&two.clone().most_kept(1)).await;
    assert_eq!((single.code(), single.answers.len()), (Some(Code::Ok), 1));
    assert_eq!(single.more_answers, 1);
    assert!(to_text(&single, 400).contains("the call as a whole took"));
}

/// Frames in any order, with fields that may occur in them; some are not frames at all.
fn frames(seed: u64) -> Vec<u8> {
    use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut below = |number: u32| random.next_u32() % number;
    let mut bytes = Vec::new();
    for _ in 0..=below(6) {
        let stream = [1, 1, 1, 0, 2, 3][below(6) as usize];
        let flags = [0, END_STREAM, END_HEADERS, PADDED, 255][below(5) as usize];
        let few: Vec<u8> = (0..below(40)).map(|_| u8::try_from(below(256)).unwrap()).collect();
        bytes.extend(match below(10) {
            0 => head(stream),
            1 => ok(stream),
            2 => frame(DATA, flags, stream, &done()),
            3 => reset(stream, below(16)),
            4 => goaway(below(4), below(16), &few),
            5 => headers(stream, flags & END_STREAM, &[(":status", b"103")]),
            6 => headers(stream, flags & END_STREAM, &[(":status", b"200"), ("grpc-status", &few)]),
            7 => settings_frame(&[(u16::try_from(below(8)).unwrap(), below(1 << 20))]),
            8 => frame(u8::try_from(below(12)).unwrap(), flags, stream, &few),
            _ => few,
        });
    }
    bytes
}

#[tokio::test]
async fn a_call_ends_with_a_status_whatever_frames_arrive() {
    let peer = Peer::start(|mut wire, number| async move {
        wire.settings(&[]).await?;
        if wire.request().await?.is_some() {
            wire.send(&frames(number as u64)).await?;
        }
        wire.hold().await
    })
    .await;
    for number in 0..300 {
        let kind =
            [RpcKind::Unary, RpcKind::Stream, RpcKind::Collect, RpcKind::Exchange][number % 4];
        let deadline = Duration::from_millis(20);
        let plan = plan(&peer.target, kind).deadline(deadline).build().unwrap();
        let interrupt = CancellationToken::new();
        let ended = call(&plan, &interrupt, async |_| {});
        // A closed connection is an outcome as well.
        if let Ok(single) = tokio::time::timeout(SOON, ended).await.expect("it ends") {
            assert!(single.code().is_some());
        }
    }
}
