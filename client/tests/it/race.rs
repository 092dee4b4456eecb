//! The race against real servers. Times are only held against what can never be: an early end.

use std::num::NonZeroUsize;
use std::time::Duration;

use longsync_client::Target;
use longsync_client::race::{End, Race, RacePlan, Way, run};
use longsync_server::Limits;
use tokio_util::sync::CancellationToken;

use crate::harness::{eventually, start};

const ALL: [Way; 4] = [Way::Sequential, Way::Threads, Way::Tasks, Way::Exchange];

fn plan(calls: usize, delay_ms: u64, ways: &[Way], target: Option<Target>) -> RacePlan {
    RacePlan {
        calls: NonZeroUsize::new(calls).unwrap(),
        delay: Duration::from_millis(delay_ms),
        ways: ways.to_vec(),
        target,
    }
}

async fn race(plan: &RacePlan) -> Race {
    run(plan, &CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn every_way_has_all_its_calls_answered_and_none_early() {
    let race = race(&plan(5, 40, &ALL, None)).await;
    assert!(race.is_embedded);
    assert_eq!(race.runs.iter().map(|run| run.way).collect::<Vec<_>>(), ALL);
    for run in &race.runs {
        for row in &run.rows {
            let End::Answered { done, waited } = row.end else { panic!("{}: {row:?}", run.way) };
            assert!(done >= row.sent.unwrap() + race.delay, "{}: {row:?}", run.way);
            assert!(waited.unwrap() >= race.delay, "{}: {row:?}", run.way);
        }
    }
    assert!(race.runs[0].wall >= 5 * race.delay);
}

#[tokio::test]
async fn sequential_has_one_call_in_flight_and_the_others_all() {
    let race = race(&plan(6, 200, &ALL, None)).await;
    let most: Vec<_> =
        race.runs.iter().map(longsync_client::race::WayRun::most_in_flight).collect();
    assert_eq!(most, [1, 6, 6, 6]);
    assert_eq!(race.runs.iter().map(|run| run.threads).collect::<Vec<_>>(), [1, 6, 1, 1]);
    assert_eq!(race.runs.iter().map(|run| run.connections).collect::<Vec<_>>(), [1, 1, 1, 1]);
}

#[tokio::test]
async fn an_exchange_has_a_stream_for_each_thousand_messages() {
    let race = race(&plan(2_500, 50, &[Way::Exchange], None)).await;
    assert_eq!((race.runs[0].streams, race.runs[0].connections), (3, 1));
    assert!(race.whole(Way::Exchange).is_some());
}

#[tokio::test]
async fn tasks_over_the_stream_limit_take_more_connections_and_say_so() {
    let server = start(Limits { max_streams: 100, ..Limits::default() });
    let race = race(&plan(300, 1_000, &[Way::Tasks], Some(server.target.clone()))).await;
    assert!(!race.is_embedded);
    assert_eq!(race.runs[0].connections, 3);
    assert!(race.whole(Way::Tasks).is_some());
}

#[tokio::test]
async fn failed_calls_are_reported_and_spoil_the_speed_up() {
    let server = start(Limits { max_in_flight: 3, ..Limits::default() });
    let race = race(&plan(8, 100, &[Way::Tasks], Some(server.target.clone()))).await;
    let run = &race.runs[0];
    assert_eq!((run.failed(), run.unfinished()), (5, 0));
    assert_eq!(race.speed_up(run), None);
    let refused = |row: &longsync_client::race::Row| matches!(&row.end, End::Failed { code, .. } if *code == tonic::Code::ResourceExhausted);
    assert_eq!(run.rows.iter().filter(|row| refused(row)).count(), 5);
}

#[tokio::test]
async fn an_interrupt_ends_every_way_and_keeps_what_was_measured() {
    let server = start(Limits::default());
    for way in ALL {
        let interrupt = CancellationToken::new();
        let plan = plan(4, 60_000, &[way], Some(server.target.clone()));
        let waiting = async {
            eventually(|| server.stats.snapshot().calls_in_flight() > 0).await;
            interrupt.cancel();
        };
        let (race, ()) = tokio::join!(run(&plan, &interrupt), waiting);
        let race = race.unwrap();
        assert!(race.is_interrupted);
        assert_eq!(race.runs[0].unfinished(), 4, "{way}");
        assert!(race.runs[0].rows[0].sent.is_some(), "{way}");
        eventually(|| server.stats.snapshot().calls_in_flight() == 0).await;
    }
}
