//! Messages of exchanges stand one by one.

use h2::client::Builder;
use longsync::v1::{LongSyncExchangeRequest, LongSyncExchangeResponse};
use longsync_server::{CallKind, Limits, Outcome};
use tonic::Streaming;

use super::*;
use crate::deadline::messages;
use crate::harness::{Raw, ask, open_stream, settle, timed, wait};

/// The number of a message, its figures, and when its answer came.
type Answer = (u64, Figures, u128);

async fn answers(
    clock: Paused,
    answers: Streaming<LongSyncExchangeResponse>,
) -> Result<Vec<Answer>> {
    let mut came = Vec::new();
    for (at, answer) in timed(clock, answers).await? {
        came.push((answer.id, figures(answer.timing.as_ref())?, exact_ms(at)));
    }
    Ok(came)
}

#[tokio::test(start_paused = true)]
async fn messages_are_served_one_by_one() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=10)")?).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let beside = call_at(&client, clock, 20, wait(ms(20)));
    let requests = [(1, 100), (2, 50), (3, 30)].map(|(id, delay)| ask(id, ms(delay)));
    let came = client.long_sync_exchange(tokio_stream::iter(requests)).await?.into_inner();
    let expected =
        [(1, ran_out(100, 0), 100), (2, ran_out(50, 100), 150), (3, ran_out(30, 150), 180)];
    assert_eq!(answers(clock, came).await?, expected);
    assert_eq!(beside.await??, answered(20, 160, 200));
    let queued = server.snapshot().queued().map(|queued| (queued.count(), queued.sum()));
    assert_eq!(queued, Some((4, ms(100 + 150 + 160))));
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSyncExchange, Outcome::Answered), 1);
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_that_finds_the_queue_full_fails_alone() -> Result<()> {
    let text = "5ms; queue(workers=1, limit=1, retry_info=1s, pushback=1s)";
    let server = Memory::start(serving(text)?).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let requests = [(1, 100), (2, 50), (3, 30), (4, 30)].map(|(id, delay)| ask(id, ms(delay)));
    let came = client.long_sync_exchange(tokio_stream::iter(requests)).await?.into_inner();
    let came = timed(clock, came).await?;
    let mut seen = Vec::new();
    for (at, answer) in &came {
        let code = answer.failure.as_ref().map_or(0, |failure| failure.code);
        seen.push((answer.id, code, figures(answer.timing.as_ref())?, exact_ms(*at)));
    }
    let exhausted = Code::ResourceExhausted.into();
    let expected = [
        (3, exhausted, SHED, 0),
        (4, exhausted, SHED, 0),
        (1, 0, ran_out(100, 0), 100),
        (2, 0, ran_out(50, 100), 150),
    ];
    assert_eq!(seen, expected);
    let failure = came[0].1.failure.clone().context("it is shed")?;
    let said = "the queue is full: 1 call stands, which is the limit; call less often, or later";
    assert_eq!(failure.message, said);
    let timing = came[0].1.timing.clone().context("it has a timing")?;
    assert_eq!((&*timing.behavior, &*timing.fault), ("30ms", ""));
    assert_eq!(counts(&server), [0, 0, 2, 0]);
    Ok(())
}

/// Otherwise the second message would wait for the end of the exchange, and that for the second message.
#[tokio::test(start_paused = true)]
async fn an_exchange_does_not_wait_for_workers_that_its_own_hung_messages_hold() -> Result<()> {
    let server = Memory::start(serving("20ms; hang(100%); queue(workers=1, limit=10)")?).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let (sender, messages) = open_stream();
    (1..=2).try_for_each(|id| {
        sender.send(LongSyncExchangeRequest { id, ..LongSyncExchangeRequest::default() })
    })?;
    let mut came = client.long_sync_exchange(messages).await?.into_inner();
    clock.until(ms(500)).await;
    assert_eq!(counts(&server), [1, 1, 0, 0], "more messages may come");
    drop(sender);
    assert_eq!(came.message().await?, None);
    assert_eq!(exact_ms(clock.elapsed()), 520);
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}

/// Nor is the end of the requests left unread because as many as possible are unanswered.
#[tokio::test(start_paused = true)]
async fn an_exchange_ends_though_its_last_place_is_of_a_message_behind_one_that_hangs() -> Result<()>
{
    let text = "20ms; hang(100%); queue(workers=1, limit=10)";
    let limits = Limits { max_unanswered: 2.try_into()?, ..Limits::default() };
    let options = Options { behavior: text.parse()?, limits, ..options() };
    let server = Memory::start(checked(options)).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let (sender, messages) = open_stream();
    (1..=2).try_for_each(|id| {
        sender.send(LongSyncExchangeRequest { id, ..LongSyncExchangeRequest::default() })
    })?;
    let mut came = client.long_sync_exchange(messages).await?.into_inner();
    clock.until(ms(500)).await;
    drop(sender);
    let end = tokio::time::timeout(ms(10_000), came.message()).await;
    assert_eq!(end.context("it does not end")??, None);
    assert_eq!(exact_ms(clock.elapsed()), 520);
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}

/// Its messages stand concurrently, so that there is no time for which the call itself was queued.
#[tokio::test(start_paused = true)]
async fn an_exchange_that_ends_while_messages_stand_has_no_queued_time_of_its_own() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=10)")?).await;
    let (raw, clock) = (server.raw().await?, Paused::start());
    let first = call_at(&server.client().await?, clock, 0, wait(ms(200)));
    clock.until(ms(10)).await;
    let mut call = raw.open("LongSyncExchange", &[("grpc-timeout", "50m")]).await?;
    for id in 1..=2 {
        call.send(framed(&ask(id, ms(30))), id == 2)?;
    }
    let status = call.ended().await?.status;
    assert_eq!(seen_status(&status, clock)?, (Code::DeadlineExceeded, [None, None, Some(0)], 60));
    first.await??;
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn envoys_delay_comes_before_the_queue_for_each_message() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=1)")?).await;
    let mut client = server.client_with(&[("x-envoy-fault-delay-request", "100")]).await?;
    let clock = Paused::start();
    let requests = [(1, 50), (2, 10), (3, 10)].map(|(id, delay)| ask(id, ms(delay)));
    let came = client.long_sync_exchange(tokio_stream::iter(requests)).await?.into_inner();
    let expected = [(3, SHED, 100), (1, ran_out(150, 0), 150), (2, ran_out(110, 50), 160)];
    assert_eq!(answers(clock, came).await?, expected);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hung_message_holds_its_worker_until_the_exchange_ends() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=10)")?).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let (sender, requests) = open_stream();
    let behavior = "10ms; hang(100%)".to_owned();
    sender.send(LongSyncExchangeRequest { id: 1, behavior, ..Default::default() })?;
    sender.send(ask(2, ms(10)))?;
    let exchange = client.long_sync_exchange(requests).await?;
    let beside = call_at(&client, clock, 5, wait(ms(20)));
    clock.until(ms(300)).await;
    assert_eq!(counts(&server), [2, 1, 0, 0]);
    drop((exchange, sender));
    assert_eq!(beside.await??, answered(20, 295, 320));
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_ends_gives_back_its_places_and_slots() -> Result<()> {
    let limits = Limits { max_in_flight: 4, ..Limits::default() };
    let behavior = "5ms; queue(workers=1, limit=10)".parse()?;
    let server = Memory::start(checked(Options { behavior, limits, ..options() })).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    for at in [0, 1_000] {
        clock.until(ms(at)).await;
        let (sender, requests) = open_stream();
        (0..5).try_for_each(|id| sender.send(ask(id, ms(500))))?;
        let mut exchange = client.long_sync_exchange(requests).await?.into_inner();
        // The fifth has no slot.
        assert_eq!(exchange.message().await?.map(|answer| answer.id), Some(4));
        assert_eq!(counts(&server), [3, 1, 0, 0]);
        drop((exchange, sender));
        settle().await;
        assert_eq!(counts(&server), [0, 0, 0, 0]);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_message_begins_service_when_a_call_ends() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=10)")?).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let first = call_at(&client, clock, 0, wait(ms(100)));
    clock.until(ms(10)).await;
    let (sender, requests) = open_stream();
    sender.send(ask(1, ms(20)))?;
    let mut came = client.long_sync_exchange(requests).await?.into_inner();
    let answer = came.message().await?.context("it is answered")?;
    assert_eq!(figures(answer.timing.as_ref())?, ran_out(20, 90));
    assert_eq!(clock.elapsed(), ms(120));
    first.await??;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn refused_messages_keep_neither_slots_nor_memory() -> Result<()> {
    let limits = Limits { max_in_flight: 2, max_buffered_bytes: 2 << 20, ..Limits::default() };
    let behavior = "5ms; queue(workers=1, limit=0)".parse()?;
    let server = Memory::start(checked(Options { behavior, limits, ..options() })).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let requests = (0..100).map(|id| LongSyncExchangeRequest {
        payload: vec![7; 64 * 1024].into(),
        echo_payload: true,
        ..ask(id, ms(100))
    });
    let requests = tokio_stream::iter(requests.collect::<Vec<_>>());
    let came = client.long_sync_exchange(requests).await?.into_inner();
    let came = timed(clock, came).await?;
    assert_eq!(came.len(), 100);
    for (_, answer) in &came[..99] {
        let failure = answer.failure.as_ref().context("it is refused")?;
        assert!(failure.message.starts_with("the queue is full: "), "{failure:?}");
    }
    assert_eq!(came[99].1.failure, None);
    let metrics = server.web1().await?.get("/metrics").await?;
    assert!(metrics.body().contains("\nlongsync_buffered_bytes 0\n"), "{}", metrics.body());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_the_call_takes_the_place_of_a_refusal() -> Result<()> {
    let server = Memory::start(serving("10ms; reset(100%); queue(workers=1, limit=0)")?).await;
    let (mut client, clock) = (server.client().await?, Paused::start());
    let busy = call_at(&client, clock, 0, wait(ms(100)));
    clock.until(ms(1)).await;
    let requests = tokio_stream::iter([LongSyncExchangeRequest::default()]);
    client.long_sync_exchange(requests).await.expect_err("it is reset");
    assert_eq!(clock.elapsed(), ms(1));
    assert_eq!(server.snapshot().calls_ended(CallKind::LongSyncExchange, Outcome::Reset), 1);
    assert_eq!(busy.await??, answered(100, 0, 100));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_envoys_headers_abort_is_never_queued() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=0)")?).await;
    let headers =
        &[("x-envoy-fault-abort-grpc-request", "14"), ("x-envoy-fault-delay-request", "20")];
    let (client, mut aborted) = (server.client().await?, server.client_with(headers).await?);
    let clock = Paused::start();
    let busy = call_at(&client, clock, 0, wait(ms(100)));
    clock.until(ms(10)).await;
    let status = aborted.long_sync_exchange(tokio_stream::iter([ask(1, ms(50))])).await;
    let status = status.expect_err("it is aborted");
    assert_eq!((status.code(), clock.elapsed()), (Code::Unavailable, ms(30)));
    assert_eq!(busy.await??, answered(100, 0, 100));
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}

/// As if the process had been suspended: a message is refused when another one has long been due.
#[tokio::test(start_paused = true)]
async fn a_refusal_and_an_answer_that_is_due_both_go_out() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=0)")?).await;
    let raw = server.raw().await?;
    let mut call = raw.open("LongSyncExchange", &[("x-envoy-fault-delay-request", "100")]).await?;
    let requests = [framed(&ask(1, ms(10))), framed(&ask(2, ms(10)))].concat();
    call.send(requests, true)?;
    settle().await;
    tokio::time::advance(ms(500)).await;
    let ended = call.ended().await?;
    assert_eq!((ended.status.code(), messages(&ended.data)), (Code::Ok, 2));
    assert_eq!(counts(&server), [0, 0, 1, 0]);
    Ok(())
}

/// The exchange is not polled at the ends of its messages, because its client does not read.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_does_not_hold_up_the_queue() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=2, limit=10)")?).await;
    let mut builder = Builder::new();
    builder.initial_window_size(0);
    let raw = Raw::with(&builder, server.open().0).await?;
    let (client, clock) = (server.client().await?, Paused::start());
    let mut exchange = raw.open("LongSyncExchange", &[]).await?;
    exchange.send(framed(&ask(1, ms(50))), false)?;
    exchange.send(framed(&ask(2, ms(80))), false)?;
    // It has stood when its service ends.
    exchange.send(framed(&ask(3, ms(40))), false)?;
    let calls =
        [call_at(&client, clock, 10, wait(ms(100))), call_at(&client, clock, 11, wait(ms(5)))];
    let expected = [answered(100, 70, 180), answered(5, 79, 95)];
    for (call, expected) in calls.into_iter().zip(expected) {
        assert_eq!(call.await??, expected);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn workers_are_not_busy_after_the_ends_of_messages_whose_client_does_not_read() -> Result<()>
{
    let server = Memory::start(serving("5ms; queue(workers=3, limit=10)")?).await;
    let mut builder = Builder::new();
    builder.initial_window_size(0);
    let raw = Raw::with(&builder, server.open().0).await?;
    let clock = Paused::start();
    let mut exchange = raw.open("LongSyncExchange", &[]).await?;
    for (id, delay) in [(1, 50), (2, 200), (3, 50), (4, 10)] {
        exchange.send(framed(&ask(id, ms(delay))), false)?;
    }
    for (at, expected) in
        [(10, [1, 3, 0, 0]), (55, [0, 2, 0, 0]), (70, [0, 1, 0, 0]), (201, [0; 4])]
    {
        clock.until(ms(at)).await;
        assert_eq!(counts(&server), expected, "{at}");
    }
    Ok(())
}

/// Its second message has begun service, but it is not polled, because the first answer has not gone out.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off_at_its_deadline() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=10)")?).await;
    let mut builder = Builder::new();
    builder.initial_window_size(0);
    let raw = Raw::with(&builder, server.open().0).await?;
    let (client, clock) = (server.client().await?, Paused::start());
    let mut exchange = raw.open("LongSyncExchange", &[("grpc-timeout", "200m")]).await?;
    exchange.send(framed(&ask(1, ms(60))), false)?;
    let beside = call_at(&client, clock, 2, wait(ms(40)));
    clock.until(ms(3)).await;
    exchange.send(framed(&ask(2, ms(50))), true)?;
    assert_eq!(exchange.reset_by_server().await?, h2::Reason::CANCEL);
    assert_eq!(clock.elapsed(), ms(200));
    assert_eq!(beside.await??, answered(40, 58, 100));
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}
