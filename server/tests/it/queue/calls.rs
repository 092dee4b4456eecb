//! Who stands, for how long, and in which order.

use super::*;

#[tokio::test(start_paused = true)]
async fn calls_are_served_in_order_of_arrival() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=10)")?).await;
    let clock = Paused::start();
    let came = calls(&server, clock, [(0, 100), (10, 50), (20, 30), (200, 10)]).await?;
    let expected = [
        answered(100, 0, 100),
        answered(50, 90, 150),
        answered(30, 130, 180),
        answered(10, 0, 210),
    ];
    assert_eq!(came, expected);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn calls_are_served_in_reverse_order_of_arrival_if_asked() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=10, order=lifo)")?).await;
    let clock = Paused::start();
    let came = calls(&server, clock, [(0, 100), (10, 50), (20, 30)]).await?;
    assert_eq!(came, [answered(100, 0, 100), answered(50, 120, 180), answered(30, 80, 130)]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn two_workers_serve_two_calls_at_a_time() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=2, limit=10)")?).await;
    let clock = Paused::start();
    let came = calls(&server, clock, [(0, 100), (0, 40), (10, 40), (10, 5)]).await?;
    let expected =
        [answered(100, 0, 100), answered(40, 0, 40), answered(40, 30, 80), answered(5, 70, 85)];
    assert_eq!(came, expected);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn http_calls_stand_and_say_for_how_long() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=10)")?).await;
    let clock = Paused::start();
    let (mut web1, mut web2) = (server.web1().await?, server.web2().await?);
    let first = call_at(&server.client().await?, clock, 0, crate::harness::wait(ms(100)));
    clock.until(ms(10)).await;
    let (one, two) =
        tokio::join!(web1.get("/long_sync?delay=20ms"), web2.get("/long_sync?delay=20ms"));
    assert_eq!(first.await??, answered(100, 0, 100));
    let mut said = Vec::new();
    for answer in [one?, two?] {
        let timing = answer.headers().get("server-timing").context("the answer has no timing")?;
        said.push(timing.to_str()?.to_owned());
    }
    said.sort_unstable();
    let expected = [
        "planned;dur=20.000, waited;dur=110.000, queued;dur=90.000",
        "planned;dur=20.000, waited;dur=130.000, queued;dur=110.000",
    ];
    assert_eq!(said, expected);
    assert_eq!(clock.elapsed(), ms(140));
    Ok(())
}

/// Calls of several connections, compared with the recursion that defines such a queue: each call takes the
/// worker that becomes free first.
#[tokio::test(start_paused = true)]
async fn many_calls_begin_exactly_when_the_recursion_says() -> Result<()> {
    const CALLS: u64 = 400;
    let server = Memory::start(serving("5ms; queue(workers=3, limit=1000)")?).await;
    let clients = [server.client().await?, server.client().await?, server.client().await?];
    let clock = Paused::start();
    let (mut at, mut free, mut seen) = (0, [0; 3], Vec::new());
    for index in 0..CALLS {
        // In no order, but with a load just below the workers.
        let (gap, delay) = (1 + index * 7_919 % 13, 1 + index * 104_729 % 37);
        at += gap;
        let client = &clients[usize::try_from(index % 3)?];
        let call = call_at(client, clock, at, crate::harness::wait(ms(delay)));
        free.sort_unstable();
        let start = free[0].max(at);
        free[0] = start + delay;
        let (at, start, delay) = (u128::from(at), u128::from(start), u128::from(delay));
        seen.push((call, answered(delay, start - at, start + delay)));
    }
    let mut stood = 0;
    for (call, expected) in seen {
        assert_eq!(call.await??, expected);
        stood += usize::from(expected.1[1] > Some(0));
    }
    assert!(stood > 100, "{stood} calls stood");
    Ok(())
}
