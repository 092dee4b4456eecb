//! Calls that end early.

use crate::harness::settle;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_canceled_call_frees_its_place_or_its_worker() -> Result<()> {
    let server = Memory::start(serving("5ms; queue(workers=1, limit=10)")?).await;
    let (raw, clock) = (server.raw().await?, Paused::start());
    let mut serving = raw_call(&raw, 1_000, &[]).await?;
    settle().await;
    let mut standing = raw_call(&raw, 1_000, &[]).await?;
    settle().await;
    let last = raw_call(&raw, 50, &[]).await?;
    settle().await;
    assert_eq!(counts(&server), [2, 1, 0, 0]);
    clock.until(ms(20)).await;
    standing.reset();
    settle().await;
    assert_eq!(counts(&server), [1, 1, 0, 0]);
    clock.until(ms(40)).await;
    serving.reset();
    last.ended().await?;
    assert_eq!(clock.elapsed(), ms(90));
    assert_eq!(counts(&server), [0, 0, 0, 0]);
    Ok(())
}
