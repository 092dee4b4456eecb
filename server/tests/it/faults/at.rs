//! Faults after some answers of a stream.

use longsync::v1::{LongSyncStreamRequest, LongSyncStreamResponse};
use longsync_server::{CallKind, Outcome};
use prost::Message as _;
use tonic::Code;

use super::{clause, drawn, ended, millis, server, within_an_hour};
use crate::harness::{
    DATA, Frames, HEADERS, Paused, RST_STREAM, Result, delay, framed, ms, request, timing_of,
};

/// The options of a fault, how many answers its stream plans, when answers come, and when the stream ends.
const CASES: [(&str, u32, &[u128], u128); 12] = [
    ("", 4, &[], 10),
    (", when=before", 4, &[], 0),
    (", at=2", 4, &[10, 20], 30),
    (", when=before, at=2", 4, &[10, 20], 20),
    (", at=3", 4, &[10, 20, 30], 40),
    // With as many answers or fewer, it takes the place of the end.
    (", at=4", 4, &[10, 20, 30, 40], 40),
    (", at=9", 3, &[10, 20, 30], 30),
    (", when=before, at=9", 3, &[10, 20, 30], 30),
    (", at=2", 1, &[10], 10),
    ("", 0, &[], 0),
    (", at=2", 0, &[], 0),
    (", when=before, at=2", 0, &[], 0),
];

fn stream(count: u32) -> LongSyncStreamRequest {
    LongSyncStreamRequest { count: Some(count), ..LongSyncStreamRequest::default() }
}

/// When the frames of a stream with this fault came that are not its first headers: its answers, then its
/// end, which is a frame of this type.
async fn frames_of(fault: &str, count: u32) -> Result<(Vec<u128>, u128, u8)> {
    let server = server(&format!("10ms; {fault}")).await?;
    let mut client = Frames::over(server.open().0).await?;
    let clock = Paused::start();
    client.write(&request(1, "LongSyncStream", &stream(count))).await?;
    let came = client.stream(1, clock).await?;
    let (last, before) = came.split_last().expect("it has ended");
    // Headers come first, or not at all.
    let answers = match before.split_first() {
        Some((first, answers)) if first.1.kind == HEADERS => answers,
        _ => before,
    };
    assert!(answers.iter().all(|(_, frame)| frame.kind == DATA), "{fault}: {came:?}");
    assert_eq!(before.len(), answers.len() + usize::from(!answers.is_empty()), "{fault}: {came:?}");
    let times = answers.iter().map(|(at, _)| millis(*at)).collect();
    Ok((times, millis(last.0), last.1.kind))
}

#[tokio::test(start_paused = true)]
async fn an_error_takes_the_place_of_the_answer_after_those_it_lets_out() -> Result<()> {
    for (options, count, answers, end) in CASES {
        let came = frames_of(&format!("fail(100%, ABORTED{options})"), count).await?;
        assert_eq!(came, (answers.to_vec(), end, HEADERS), "{options:?} of {count}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reset_takes_the_place_of_the_answer_after_those_it_lets_out() -> Result<()> {
    for (options, count, answers, end) in CASES {
        let came = frames_of(&format!("reset(100%{options})"), count).await?;
        assert_eq!(came, (answers.to_vec(), end, RST_STREAM), "{options:?} of {count}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_error_after_answers_is_in_the_trailers_and_has_the_timing_of_its_own_wait() -> Result<()>
{
    for (moment, planned, waited) in [("", delay(ms(10)), 10), (", when=before", None, 0)] {
        let text = format!("10ms; fail(100%, ABORTED{moment}, at=2)");
        let server = server(&text).await?;
        let mut call = server.raw().await?.open("LongSyncStream", &[]).await?;
        call.send(framed(&stream(4)), true)?;
        let failed = call.ended().await?;
        assert!(!failed.is_trailers_only);
        assert_eq!(failed.status.code(), Code::Aborted);
        let timing = timing_of(&failed.status)?;
        assert_eq!((timing.planned, timing.waited), (planned, delay(ms(waited))), "{text}");
        assert_eq!(timing.fault, clause(&text)?);
        let length = usize::try_from(u32::from_be_bytes(failed.data[1..5].try_into()?))?;
        let first = LongSyncStreamResponse::decode(&failed.data[5..5 + length])?;
        assert_eq!(first.timing.unwrap_or_default().fault, "", "answers have no fault");
        assert_eq!(ended(&server, CallKind::LongSyncStream, Outcome::Failed), 1);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_hangs_has_sent_its_answers_before() -> Result<()> {
    let server = server("10ms; hang(100%, at=2)").await?;
    let mut call = server.raw().await?.open("LongSyncStream", &[("grpc-timeout", "1S")]).await?;
    call.send(framed(&stream(4)), true)?;
    let (_, mut body) = (&mut call.response).await?.into_parts();
    for _ in 0..2 {
        assert!(within_an_hour(body.data()).await.flatten().is_some_and(|chunk| chunk.is_ok()));
    }
    assert!(within_an_hour(body.data()).await.is_none());
    call.reset();
    crate::harness::settle().await;
    assert_eq!(ended(&server, CallKind::LongSyncStream, Outcome::Hung), 1);
    Ok(())
}

/// The fault is drawn once, for the whole stream.
#[tokio::test(start_paused = true)]
async fn the_share_holds_for_streams_with_any_number_of_answers() -> Result<()> {
    let text = "1ms; fail(30%, ABORTED, at=3)";
    let server = server(text).await?;
    let raw = server.raw().await?;
    let mut failed = 0;
    for number in 0..60 {
        let call_id = format!("call-{number}");
        let is_hit = drawn(text, &call_id, 0)?.is_some();
        failed += u32::from(is_hit);
        for count in [0, 2, 5] {
            let request = LongSyncStreamRequest { call_id: call_id.clone(), ..stream(count) };
            let mut call = raw.open("LongSyncStream", &[]).await?;
            call.send(framed(&request), true)?;
            let code = call.ended().await?.status.code();
            let expected = if is_hit { Code::Aborted } else { Code::Ok };
            assert_eq!(code, expected, "{call_id} with {count} answers");
        }
    }
    assert!((5..40).contains(&failed), "{failed} of 60 tell nothing");
    Ok(())
}
