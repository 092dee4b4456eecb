//! The race against real servers. The only times checked are impossible ones: early ends.

use std::time::Duration;

use longsync_client::race::{
    CallEnd, Forecast, ProgressSnapshot, Protocol, Race, RaceDelays, RacePlanBuilder,
    RacePlanError, RaceProgress, ThreadConnections, Way, WayRun, run,
};
use longsync_connect::Target;
use longsync_server::{CallKind, Limits, Outcome};
use tokio_util::sync::CancellationToken;

use crate::harness::{eventually, race_plan, start};

const ALL: [Way; 4] = [Way::Sequential, Way::Threads, Way::Tasks, Way::Exchange];

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn plan(calls: usize, delay_ms: u64, ways: &[Way], target: Option<Target>) -> RacePlanBuilder {
    let plan = race_plan(None, calls, ways).delays(RaceDelays::Constant(millis(delay_ms)));
    match target {
        Some(target) => plan.target(target),
        None => plan,
    }
}

async fn race(plan: &RacePlanBuilder) -> Race {
    run(&plan.clone().build().unwrap(), &CancellationToken::new(), &RaceProgress::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn every_way_gets_all_answers_and_none_early() {
    let race = race(&plan(5, 40, &ALL, None)).await;
    assert_eq!(race.runs.iter().map(|run| run.way).collect::<Vec<_>>(), ALL);
    none_is_early(&race);
    assert!(race.runs[0].wall >= 5 * millis(40));
}

#[tokio::test]
async fn spinning_waits_are_no_earlier() {
    let spinning = plan(3, 5, &ALL, None).spin(millis(1));
    none_is_early(&race(&spinning).await);
}

fn none_is_early(race: &Race) {
    for run in &race.runs {
        for (index, row) in run.rows.iter().enumerate() {
            let CallEnd::Answered { done, planned, waited, .. } = row.end else {
                panic!("{}: {row:?}", run.way)
            };
            let delay = match race.plan.delays() {
                RaceDelays::Drawn { .. } => planned.unwrap(),
                delays => delays.of(index),
            };
            assert!(done >= row.sent.unwrap() + delay, "{}: {row:?}", run.way);
            assert!(waited.unwrap() >= delay, "{}: {row:?}", run.way);
        }
    }
}

#[tokio::test]
async fn jittered_delays_are_the_same_in_every_way_and_answers_arrive_out_of_order() {
    let delays = RaceDelays::Jittered(millis(500));
    let race = race(&plan(8, 0, &ALL[1..], None).delays(delays.clone())).await;
    none_is_early(&race);
    let mut by_delay: Vec<_> = (0..8).collect();
    by_delay.sort_by_key(|index| delays.of(*index));
    for run in &race.runs {
        let order = run.order_of_answers();
        // These two differ by at least 40 ms from the others: no load makes them change places.
        assert_eq!((order[by_delay[0]], order[by_delay[7]]), (Some(1), Some(8)), "{}", run.way);
    }
}

fn drawn(ways: &[Way], target: Option<Target>) -> RacePlanBuilder {
    let behavior =
        "mix(25%: uniform(60ms, 90ms), rest: exponential(3ms) max 50ms)".parse().unwrap();
    plan(12, 0, ways, target).delays(RaceDelays::Drawn { behavior, seed: None })
}

/// The delays that the server planned for the calls of each way, as it reported them.
fn planned(race: &Race) -> Vec<Vec<Duration>> {
    let of = |run: &WayRun| run.rows.iter().map(|row| row.planned().unwrap()).collect();
    race.runs.iter().map(of).collect()
}

#[tokio::test]
async fn the_same_seed_draws_the_same_delays_in_every_way_and_every_race() {
    let first = race(&drawn(&ALL, None).seed(42)).await;
    none_is_early(&first);
    let delays: Vec<_> = (0..12).map(|index| first.plan.delays().of(index)).collect();
    // Messages of an exchange are drawn by their position in it as well.
    assert_eq!(planned(&first)[..3], vec![delays.clone(); 3]);
    let second = race(&drawn(&ALL, None).seed(42)).await;
    assert_eq!(planned(&second), planned(&first));
    let other = race(&drawn(&ALL, None).seed(43)).await;
    assert_ne!(planned(&other), planned(&first));

    let over_http = race(&drawn(&ALL[..3], None).seed(42).protocol(Protocol::Http)).await;
    for planned in planned(&over_http) {
        // HTTP headers have microsecond resolution.
        let off = planned.iter().zip(&delays).map(|(one, other)| one.abs_diff(*other)).max();
        assert!(off.unwrap() < Duration::from_micros(1), "{planned:?}, not {delays:?}");
    }
}

/// The figures come from `tests/behavior/oracle.py`, which is written from the specification alone.
#[tokio::test]
async fn every_way_draws_what_an_independent_program_draws() {
    let race = race(&drawn(&ALL, None).seed(42)).await;
    for (run, planned) in race.runs.iter().zip(planned(&race)) {
        let expected = match run.way {
            Way::Exchange => [5_786_247, 1_386_586, 63_826_229, 1_333_893],
            _ => [5_786_247, 65_815_696, 64_770_725, 6_271_853],
        };
        assert_eq!(planned[..4], expected.map(Duration::from_nanos), "{}", run.way);
    }
}

#[tokio::test]
async fn another_server_draws_the_same_delays_in_every_way_from_its_own_seed() {
    let server = start(Limits::default());
    let race = race(&drawn(&ALL[..3], Some(server.target.clone()))).await;
    let planned = planned(&race);
    assert_eq!(planned[1..], [planned[0].clone(), planned[0].clone()]);
    assert_eq!(race.plan.delays().known(0), None);
    for (row, planned) in race.runs[0].rows.iter().zip(&planned[0]) {
        let CallEnd::Answered { done, .. } = row.end else { panic!("{row:?}") };
        assert!(done >= row.sent.unwrap() + *planned, "{row:?}");
    }
}

/// The second attempt of a call could take two hours; a race makes only first ones.
#[tokio::test]
async fn whether_a_behavior_is_too_long_is_the_servers_to_say() {
    let long =
        |target| plan(2, 0, &ALL, target).delays(RaceDelays::drawn("attempts(5ms, 2h)").unwrap());
    none_is_early(&race(&long(None)).await);
    let generous = start(Limits { max_delay: Duration::from_secs(7_200), ..Limits::default() });
    none_is_early(&race(&long(Some(generous.target.clone()))).await);
    let strict = start(Limits::default());
    for run in race(&long(Some(strict.target.clone()))).await.runs {
        let CallEnd::Failed { status, message, .. } = &run.rows[0].end else { panic!("{run:?}") };
        assert_eq!(status, "INVALID_ARGUMENT", "{}", run.way);
        assert!(message.contains("ask for at most 1h"), "{message}");
    }
}

#[tokio::test]
async fn sequential_calls_beyond_the_time_limit_are_projected() {
    let short = plan(100, 50, &ALL[..1], None).sequential_max(millis(250));
    let race = race(&short).await;
    let run = &race.runs[0];
    let made = run.answered();
    assert!((1..=4).contains(&made), "{made} calls of 50 ms end within 250 ms");
    assert_eq!(run.projected(), 100 - made);
    assert!(run.is_whole() && run.wall >= millis(5_000), "{:?}", run.wall);
    assert!(run.measured() < run.wall);
    assert_eq!(race.speed_up(run), Some(1.0));
}

#[tokio::test]
async fn a_way_whose_first_call_would_not_end_in_time_makes_none_and_is_not_whole() {
    let short = plan(3, 50, &ALL[..1], None).sequential_max(millis(49));
    let race = race(&short).await;
    let run = &race.runs[0];
    assert_eq!((run.made(), run.projected()), (0, 3));
    assert!(race.has_failed() && race.speed_up(run).is_none());
}

#[tokio::test]
async fn over_http_each_call_has_its_own_connection() {
    let server = start(Limits::default());
    let target = Some(server.target.clone());
    let http = plan(6, 100, &ALL[..3], target).protocol(Protocol::Http);
    let race = race(&http).await;
    none_is_early(&race);
    assert_eq!(race.runs.iter().map(|run| run.connections).collect::<Vec<_>>(), [6, 6, 6]);
    let answered = server.stats.snapshot().calls_ended(CallKind::Http, Outcome::Answered);
    assert_eq!(answered, 18);
}

#[tokio::test]
async fn an_http_error_is_shown_with_its_code_and_sentence() {
    let server = start(Limits { max_delay: millis(50), ..Limits::default() });
    let target = Some(server.target.clone());
    let http = plan(2, 100, &ALL[2..3], target).protocol(Protocol::Http);
    let race = race(&http).await;
    let CallEnd::Failed { status, message, .. } = &race.runs[0].rows[0].end else {
        panic!("{race:?}")
    };
    assert_eq!(status, "HTTP 400");
    assert!(message.contains("ask for at most 50ms"), "{message}");
}

#[test]
fn an_exchange_over_http_is_refused() {
    let http = plan(2, 10, &ALL, None).protocol(Protocol::Http);
    assert_eq!(http.build().unwrap_err(), RacePlanError::ExchangeOverHttp);
}

/// Only the beginning of an error's body is read, whether the rest is endless, missing or late.
#[tokio::test]
async fn an_http_error_is_shown_whatever_its_body_is() {
    let gone = b"HTTP/1.1 502 Bad Gateway\r\n\r\n<h1>gone</h1>\n".to_vec();
    let endless = [&gone[..], &vec![b'x'; 5 * 1024 * 1024]].concat();
    let cut = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 900\r\n\r\n<h1>gone</h1>".to_vec();
    let empty = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n".to_vec();
    let said = "<h1>gone</h1>";
    for (answer, holds, words) in [
        (endless, false, said),
        (cut, false, said),
        (gone, true, said),
        (empty, false, "the body is empty"),
    ] {
        let target = Some(http1_server(answer, holds).await);
        let http = plan(1, 0, &ALL[2..3], target).protocol(Protocol::Http);
        let race = race(&http).await;
        let CallEnd::Failed { status, message, .. } = &race.runs[0].rows[0].end else {
            panic!("{race:?}")
        };
        assert_eq!((status.as_str(), message.as_str()), ("HTTP 502", words));
    }
}

#[tokio::test]
async fn an_http_answer_that_ends_too_early_was_cut_short() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nDone!"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nDone!\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nDo",
    ] {
        let target = Some(http1_server(answer.to_vec(), false).await);
        let http = plan(1, 0, &ALL[2..3], target).protocol(Protocol::Http);
        let race = race(&http).await;
        let CallEnd::Failed { status, message, .. } = &race.runs[0].rows[0].end else {
            panic!("{race:?}")
        };
        let said = (status.as_str(), message.as_str());
        assert_eq!(said, ("UNAVAILABLE", "the answer was cut short"));
    }
}

#[tokio::test]
async fn the_servers_wait_is_found_in_any_of_its_timings() {
    let answer = b"HTTP/1.1 200 OK\r\nserver-timing: cdn;dur=1\r\n\
                   server-timing: edge, planned;dur=3, waited;dur=5\r\n\
                   content-length: 5\r\n\r\nDone!";
    let target = Some(http1_server(answer.to_vec(), false).await);
    let http = plan(1, 0, &ALL[2..3], target).protocol(Protocol::Http);
    let CallEnd::Answered { waited, .. } = race(&http).await.runs[0].rows[0].end else { panic!() };
    assert_eq!(waited, Some(millis(5)));
}

/// An HTTP/1.1-only server with one answer for all requests. It may keep its connections open.
async fn http1_server(answer: Vec<u8>, holds: bool) -> Target {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut read = vec![0; 4096];
                let length = socket.read(&mut read).await.unwrap();
                if read[..length].starts_with(b"GET /") {
                    // A client that has read enough may disconnect.
                    let _ = socket.write_all(&answer).await;
                    while holds && socket.read(&mut read).await.is_ok_and(|length| length > 0) {}
                }
            });
        }
    });
    target
}

/// Any web server answers 200 to something; that is not an answer, however much of it looks like one.
#[tokio::test]
async fn an_http_answer_that_is_not_longsyncs_is_a_failure_that_says_so() {
    const TIMING: &str = "server-timing: planned;dur=0.000, waited;dur=0.010";
    let long = format!("<html>{}", "x".repeat(100_000));
    for (status, header, body, words) in [
        (
            "200 OK",
            "server: nginx",
            "<html>\n",
            "it has no server-timing with planned and waited: <html>",
        ),
        (
            "200 OK",
            "server-timing: cdn;dur=1",
            "Done!",
            "it has no server-timing with planned and waited: Done!",
        ),
        (
            "200 OK",
            "server-timing: waited;dur=1",
            "Done!",
            "it has no server-timing with planned and waited: Done!",
        ),
        ("200 OK", TIMING, "", "its body is not Done!: the body is empty"),
        ("200 OK", TIMING, "Done! <b>", "its body is not Done!: Done! <b>"),
        ("200 OK", TIMING, &long, "its body is not Done!: <html>xx"),
        ("202 Accepted", TIMING, "Done!", "its status is not 200: Done!"),
    ] {
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\n{header}\r\ncontent-length: {length}\r\n\r\n{body}");
        let target = Some(http1_server(answer.into_bytes(), false).await);
        let race = race(&plan(2, 0, &ALL[..3], target).protocol(Protocol::Http)).await;
        assert!(race.has_failed(), "{race:?}");
        for run in &race.runs {
            let CallEnd::Failed { status: shown, message, .. } = &run.rows[1].end else {
                panic!("{}: {run:?}", run.way)
            };
            assert_eq!(*shown, format!("HTTP {}", &status[..3]));
            let whole = format!("this is not an answer of longsync, because {words}");
            assert!(message.starts_with(&whole), "{message}");
        }
    }
}

#[tokio::test]
async fn a_race_over_http_needs_no_http2() {
    let answer = b"HTTP/1.1 200 OK\r\nserver-timing: planned;dur=0.000, waited;dur=0.010\r\n\
                   content-length: 5\r\n\r\nDone!"
        .to_vec();
    let target = Some(http1_server(answer, false).await);
    let http = plan(3, 0, &ALL[..3], target).protocol(Protocol::Http);
    let race = race(&http).await;
    for run in &race.runs {
        assert_eq!(run.answered(), 3, "{}: {:?}", run.way, run.rows);
    }
}

#[tokio::test]
async fn earlier_ways_are_kept_if_the_server_dies_between_ways() {
    let server = start(Limits::default());
    let plan = plan(2, 100, &[Way::Sequential, Way::Tasks], Some(server.target.clone()));
    let stats = server.stats.clone();
    let dying = async move {
        eventually(|| stats.snapshot().calls_in_flight() == 1).await;
        drop(server);
    };
    let (race, ()) = tokio::join!(race(&plan), dying);
    assert_eq!(race.runs.len(), 2);
    assert_eq!(race.runs[0].rows.len(), 2);
    let tasks = &race.runs[1];
    assert!(tasks.is_skipped(), "{tasks:?}");
    let why = tasks.trouble.as_ref().unwrap();
    assert!(why.starts_with("cannot reach http://"), "{why}");
}

#[tokio::test]
async fn threads_may_have_their_own_connections() {
    let own =
        plan(5, 100, &[Way::Threads, Way::Tasks], None).thread_connections(ThreadConnections::Own);
    let race = race(&own).await;
    none_is_early(&race);
    assert_eq!(race.runs.iter().map(|run| run.connections).collect::<Vec<_>>(), [5, 1]);
}

#[tokio::test]
async fn cancelled_calls_end_early_and_the_server_notices_each() {
    let server = start(Limits::default());
    // Once with direct access to the server's counters, once through its metrics.
    for target in [None, Some(server.target.clone())] {
        let is_remote = target.is_some();
        let cancelled = plan(4, 1_000, &ALL, target).cancel_after(millis(100));
        let race = race(&cancelled).await;
        for run in &race.runs {
            let view = run.server.unwrap();
            if run.way == Way::Threads {
                assert_eq!((run.answered(), run.cancelled(), view.cancelled), (4, 0, 0));
                continue;
            }
            assert_eq!((run.answered(), run.cancelled()), (0, 4), "{}", run.way);
            let streams = if run.way == Way::Exchange { 1 } else { 4 };
            assert_eq!(view.cancelled, streams, "{}", run.way);
            // Counted from when the server saw the call, which on a busy machine is well after it was sent.
            assert!(!view.cancelled_after_mean.unwrap().is_zero(), "{}: {view:?}", run.way);
            assert_eq!(view.cancelled_after_p99.is_none(), is_remote, "{}", run.way);
        }
        // If calls are sequential, each is cancelled in its turn.
        assert!(race.runs[0].wall >= 4 * millis(100));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_way_that_does_not_fit_is_skipped_and_the_others_run() {
    let many = plan(1_000_000, 0, &[Way::Threads, Way::Sequential], None);
    let many = many.sequential_max(millis(1));
    let race = race(&many).await;
    assert!(race.runs[0].is_skipped());
    let why = race.runs[0].trouble.clone().unwrap();
    assert!(why.contains("threads") || why.contains("memory maps"), "{why}");
    assert_eq!(race.runs[1].rows.len(), 1_000_000);
}

#[tokio::test]
async fn progress_counts_calls_done_and_in_flight() {
    let server = start(Limits::default());
    let (progress, interrupt) = (RaceProgress::default(), CancellationToken::new());
    let plan = plan(3, 60_000, &[Way::Tasks], Some(server.target.clone())).build().unwrap();
    let watching = async {
        eventually(|| progress.read() == [ProgressSnapshot { done: 0, in_flight: 3 }]).await;
        interrupt.cancel();
    };
    let (raced, ()) = tokio::join!(run(&plan, &interrupt, &progress), watching);
    raced.unwrap();
    assert_eq!(progress.read(), [ProgressSnapshot { done: 3, in_flight: 0 }]);
}

#[tokio::test]
async fn the_sequential_way_has_one_call_in_flight_and_the_others_have_all() {
    let race = race(&plan(6, 200, &ALL, None)).await;
    let most: Vec<_> = race.runs.iter().map(WayRun::most_in_flight).collect();
    assert_eq!(most, [1, 6, 6, 6]);
    assert_eq!(race.runs.iter().map(|run| run.threads).collect::<Vec<_>>(), [1, 6, 1, 1]);
    assert_eq!(race.runs.iter().map(|run| run.connections).collect::<Vec<_>>(), [1, 1, 1, 1]);
}

#[tokio::test]
async fn an_exchange_has_one_stream_per_thousand_messages() {
    let race = race(&plan(2_500, 50, &[Way::Exchange], None)).await;
    assert_eq!((race.runs[0].streams, race.runs[0].connections), (3, 1));
    assert!(race.whole(Way::Exchange).is_some());
}

#[tokio::test]
async fn tasks_over_the_stream_limit_open_more_connections_and_report_it() {
    let server = start(Limits { max_streams: 100, ..Limits::default() });
    let race = race(&plan(300, 1_000, &[Way::Tasks], Some(server.target.clone()))).await;
    assert_eq!(race.runs[0].connections, 3);
    assert!(race.whole(Way::Tasks).is_some());
}

#[tokio::test]
async fn a_race_opens_as_many_connections_as_its_forecast_says() {
    let plan = |ways| plan(5, 30, ways, None);
    for plan in [
        plan(&ALL),
        plan(&ALL).thread_connections(ThreadConnections::Own),
        plan(&ALL[..3]).protocol(Protocol::Http),
    ] {
        let forecast = Forecast::of(&plan.clone().build().unwrap());
        let race = race(&plan).await;
        assert_eq!(race.runs.len(), forecast.ways.len());
        for (run, foretold) in race.runs.iter().zip(&forecast.ways) {
            assert_eq!(Some(run.connections), foretold.connections, "{}: {plan:?}", run.way);
        }
    }
}

#[tokio::test]
async fn failed_calls_are_reported_and_leave_no_speed_up() {
    let server = start(Limits { max_in_flight: 3, ..Limits::default() });
    let race = race(&plan(8, 100, &[Way::Tasks], Some(server.target.clone()))).await;
    let run = &race.runs[0];
    assert_eq!((run.failed(), run.unfinished()), (5, 0));
    assert_eq!(race.speed_up(run), None);
    let refused = |row: &longsync_client::race::RaceCall| matches!(&row.end, CallEnd::Failed { status, .. } if status == "RESOURCE_EXHAUSTED");
    assert_eq!(run.rows.iter().filter(|row| refused(row)).count(), 5);
}

#[tokio::test]
async fn an_interrupt_ends_every_way_and_keeps_its_results() {
    let server = start(Limits::default());
    for way in ALL {
        let interrupt = CancellationToken::new();
        let plan = plan(4, 60_000, &[way], Some(server.target.clone())).build().unwrap();
        let waiting = async {
            eventually(|| server.stats.snapshot().calls_in_flight() > 0).await;
            interrupt.cancel();
        };
        let progress = RaceProgress::default();
        let (race, ()) = tokio::join!(run(&plan, &interrupt, &progress), waiting);
        let race = race.unwrap();
        assert!(race.is_interrupted);
        assert_eq!(race.runs[0].unfinished(), 4, "{way}");
        // The system decides which of the threads is first.
        assert!(race.runs[0].rows.iter().any(|row| row.sent.is_some()), "{way}");
        eventually(|| server.stats.snapshot().calls_in_flight() == 0).await;
    }
}
