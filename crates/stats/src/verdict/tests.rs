//! Verdicts on both sides of each limit.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::distribution::Quantile;
use crate::figures::Figures;
use crate::not_sent::NotSentReason;
use crate::samples::good;
use crate::share::Share;

const MS: i64 = 1_000_000;

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// A worker that was observed for a second.
fn worker(cpu_us: u64, polled_us: u64, runnable_us: u64) -> WorkerTime {
    WorkerTime {
        wall: micros(1_000_000),
        cpu: micros(cpu_us),
        polled: micros(polled_us),
        runnable: micros(runnable_us),
    }
}

fn verdict(kind: Loop, figures: &Figures, processors: Option<ProcessorTime<'_>>) -> Verdict {
    Verdict::of(&Evidence { kind, figures, due: figures.counts.due(), processors })
}

fn with_workers(kind: Loop, figures: &Figures, workers: &[WorkerTime]) -> Verdict {
    verdict(kind, figures, Some(ProcessorTime { workers, steal: None }))
}

fn is_client_bound(kind: Loop, figures: &Figures, workers: &[WorkerTime]) -> bool {
    with_workers(kind, figures, workers).is_client_bound()
}

/// A thousand calls, of which twenty have this lag, so that it is the p99.
fn lagging(service_time_ns: i64, lag_ns: i64) -> Figures {
    let mut figures = good(vec![service_time_ns; 980], 0);
    figures.merge(&good(vec![service_time_ns; 20], lag_ns));
    figures
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// More lag never turns a verdict against the client into one for it, if calls take the same time.
    #[test]
    fn more_lag_is_not_better(lag_us in 0_i64..3_000, more_us in 0_i64..3_000) {
        let of = |lag_us: i64| is_client_bound(Loop::Open, &lagging(MS, lag_us * 1_000), &[]);
        prop_assert!(!of(lag_us) || of(lag_us + more_us));
        // Three digits are recorded.
        if !(999..=1_001).contains(&lag_us) {
            prop_assert_eq!(of(lag_us), lag_us > 1_000);
        }
    }

    /// Twice as many calls and workers, all alike, have the same verdict.
    #[test]
    fn a_scaled_run_has_the_same_verdict(
        service_us in 1_i64..2_000,
        lag_us in 0_i64..2_000,
        late in 0_u64..10,
        blocked in 0_u64..10,
        (cpu_us, runnable_us) in (0_u64..1_000_000, 0_u64..100_000),
        is_open in any::<bool>(),
    ) {
        let kind = if is_open { Loop::Open } else { Loop::Closed };
        let figures = lagging(service_us * 1_000, lag_us * 1_000)
            .and_not_sent(NotSentReason::Late, late)
            .and_not_sent(NotSentReason::Blocked, blocked);
        let mut twice = figures.clone();
        twice.merge(&figures);
        let worker = worker(cpu_us, 0, runnable_us);
        let once = with_workers(kind, &figures, &[worker]);
        let scaled = with_workers(kind, &twice, &[worker, worker]);
        prop_assert_eq!(once.is_client_bound(), scaled.is_client_bound());
        prop_assert_eq!(once.signs, scaled.signs);
    }

    /// Calls that the plan or the target held back say nothing about the client.
    #[test]
    fn calls_held_back_by_others_are_not_the_clients_fault(limit in 0_u64..2_000, why in 0_usize..4) {
        let figures = lagging(MS, 0).and_not_sent(NotSentReason::ALL[why], limit);
        prop_assert!(!is_client_bound(Loop::Open, &figures, &[]));
    }
}

#[test]
fn a_healthy_run_has_nothing_to_say() {
    for calls in [0, 1, 10, 100] {
        let figures = good(vec![MS; calls], 2_000);
        for kind in [Loop::Open, Loop::Closed] {
            let verdict = with_workers(kind, &figures, &[worker(300_000, 0, 10)]);
            assert_eq!((verdict.is_client_bound(), verdict.sentences()), (false, Vec::new()));
        }
    }
    assert!(!is_client_bound(Loop::Open, &Figures::default(), &[WorkerTime::default()]));
}

#[test]
fn lag_counts_above_a_millisecond_and_a_twentieth_of_response_time() {
    for (service_time_ns, lag_ns, expected) in [
        (1_000, 990_000, false),
        (1_000, 1_010_000, true),
        // Response time is 500 ms + lag: its twentieth is 26.3 ms of lag.
        (500 * MS, 2 * MS, false),
        (500 * MS, 26 * MS, false),
        (500 * MS, 27 * MS, true),
        (1_000, -5, false),
    ] {
        let figures = lagging(service_time_ns, lag_ns);
        assert_eq!(is_client_bound(Loop::Open, &figures, &[]), expected, "{lag_ns}");
        assert!(!is_client_bound(Loop::Closed, &figures, &[]));
    }
    let mut figures = lagging(1_000, 0);
    figures.lag.add_beyond(20);
    assert!(is_client_bound(Loop::Open, &figures, &[]));
}

/// Otherwise a service that fails its calls would hide that the client was late.
#[test]
fn a_p99_that_is_beyond_is_the_longest_response_time() {
    let failing = |service_time_ns| lagging(service_time_ns, 20 * MS).and_failed(500);
    assert!(!is_client_bound(Loop::Open, &failing(500 * MS), &[]));
    let verdict = with_workers(Loop::Open, &failing(2 * MS), &[]);
    let [Effect::Lag { p99: Quantile::At(p99), limit }] = verdict.effects[..] else {
        panic!("{verdict:?}")
    };
    assert!(p99 >= micros(20_000) && (micros(1_100)..micros(1_102)).contains(&limit), "{limit:?}");
    let mut none_good = Figures::default().and_failed(1_000);
    none_good.lag.record(2 * MS);
    assert!(is_client_bound(Loop::Open, &none_good, &[]));
}

#[test]
fn late_calls_count_above_a_thousandth() {
    let late = |late| good(vec![1; 10_000 - 10], 0).and_not_sent(NotSentReason::Late, late);
    assert!(!is_client_bound(Loop::Open, &late(10), &[]));
    let verdict = with_workers(Loop::Open, &late(11), &[]);
    assert_eq!(verdict.effects, [Effect::Late(Share::of(11, 10_001).unwrap())]);
    // A closed loop has none; if there were any, they would prove nothing.
    assert!(!is_client_bound(Loop::Closed, &late(11), &[]));
}

#[test]
fn calls_of_a_lost_worker_are_missing() {
    let figures = good(vec![1; 995], 0).and_not_sent(NotSentReason::InFlightLimit, 100);
    let of =
        |due| Verdict::of(&Evidence { kind: Loop::Open, figures: &figures, due, processors: None });
    assert!(!of(1_100).is_client_bound());
    let missing = of(1_101);
    assert_eq!(missing.effects, [Effect::Behind(Share::of(995, 1_001).unwrap())]);
}

#[test]
fn a_closed_loop_is_judged_by_its_workers() {
    let figures = good(vec![100_000; 1_000], 0);
    for (workers, expected) in [
        (&[worker(900_000, 0, 0)][..], false),
        (&[worker(900_001, 0, 0)], true),
        // Spinning is not work.
        (&[worker(1_000_000, 100_000, 0)], false),
        (&[worker(1_000_000, 99_999, 0)], true),
        (&[worker(0, 0, 0), worker(950_000, 0, 0)], true),
        // 5 us per call of 100 us.
        (&[worker(0, 0, 4_990)], false),
        (&[worker(0, 0, 5_010)], true),
        (&[worker(0, 0, 2_600), worker(0, 0, 2_600)], true),
        // It was not observed.
        (&[WorkerTime { wall: Duration::ZERO, ..worker(1, 0, 0) }], false),
        (&[], false),
    ] {
        assert_eq!(is_client_bound(Loop::Closed, &figures, workers), expected, "{workers:?}");
    }
}

/// The measured cases in which limits on the processors alone would fire (time.md, part 4).
#[test]
fn processors_alone_are_no_verdict() {
    let spinning = [worker(1_000_000, 960_000, 0)];
    let verdict = with_workers(Loop::Open, &good(vec![MS; 1_000], 0), &spinning);
    assert_eq!((verdict.is_client_bound(), verdict.sentences()), (false, Vec::new()));
    // A closed loop next to the server on two cores: 32 % runnable and not running.
    let beside = [worker(400_000, 0, 320_000)];
    let verdict = with_workers(Loop::Closed, &good(vec![10 * MS; 1_000], 0), &beside);
    assert_eq!(
        verdict.sentences(),
        ["Note: worker 0 waited for a core for 32 % of the time, without an effect on the calls."]
    );
    // A server of 500 ms, with 6.7 %, while p99 of lag is 2 ms.
    let slow = with_workers(Loop::Open, &lagging(500 * MS, 2 * MS), &[worker(0, 0, 67_000)]);
    assert_eq!(
        slow.sentences(),
        ["Note: worker 0 waited for a core for 6.7 % of the time, without an effect on the calls."]
    );
}

#[test]
fn signs_are_over_their_limits() {
    let figures = good(vec![MS; 1_000], 0);
    let signs = |workers: &[WorkerTime], stolen| {
        let steal = Share::of(stolen, 10_000);
        verdict(Loop::Open, &figures, Some(ProcessorTime { workers, steal })).signs
    };
    let share = |part_us: u64| Share::of(part_us * 1_000, 1_000_000_000).unwrap();
    assert_eq!(signs(&[worker(900_000, 0, 50_000)], 100), []);
    assert_eq!(
        signs(&[worker(10, 0, 60_000), worker(900_001, 0, 50_001)], 101),
        [
            Sign::Busy { worker: 1, busy: share(900_001) },
            Sign::RunDelay { worker: 0, run_delay: share(60_000) },
            Sign::Steal(Share::of(101, 10_000).unwrap()),
        ]
    );
    // A thread's own clock may be a little ahead of the wall's.
    assert_eq!(
        signs(&[worker(1_000_500, 0, 0)], 0),
        [Sign::Busy { worker: 0, busy: share(1_000_000) }]
    );
}

#[test]
fn the_report_names_effect_cause_and_remedy() {
    let late = good(vec![1_000; 1_000], 0).and_not_sent(NotSentReason::Late, 403);
    let workers = [worker(970_000, 0, 120_000)];
    let busy = verdict(
        Loop::Open,
        &late,
        Some(ProcessorTime { workers: &workers, steal: Share::of(31, 1_000) }),
    );
    assert_eq!(
        busy.sentences(),
        [
            "It was the client: it did not keep up, so these times are not the server's alone.",
            "28.72 % (403 of 1,403) of the calls due were not sent, because the client did not get to them in time.",
            "Likely cause: worker 0 was busy for 97 % of the time.",
            "Likely cause: worker 0 waited for a core for 12 % of the time.",
            "Likely cause: the hypervisor took 3.1 % of this machine's time.",
            "What would help: more --workers if cores are free, or a lower rate; cores or a machine of its own for \
             the client; a machine that is not shared.",
        ]
    );
    let unexplained = with_workers(Loop::Open, &late, &[]).sentences();
    assert_eq!(
        unexplained[2..],
        [
            "What would help: --spin if workers wake too late, or more --workers if calls come in bursts."
        ]
    );
    let closed =
        with_workers(Loop::Closed, &good(vec![100_000; 1_000], 0), &[worker(950_000, 0, 90_000)]);
    let sentences = closed.sentences();
    assert!(
        sentences[2].starts_with(
            "Workers waited for a core for 90us per call; the mean service time is 100"
        )
    );
    assert_eq!(
        [&sentences[1], &sentences[3], &sentences[4]],
        [
            "Worker 0 was busy for 95 % of the time.",
            "Likely cause: worker 0 waited for a core for 9 % of the time.",
            "What would help: more --workers if cores are free, or fewer calls in flight; cores or a machine of its \
             own for the client.",
        ]
    );
    let lag = with_workers(Loop::Open, &lagging(1_000, 5 * MS), &[]).sentences();
    assert!(lag[1].starts_with("Calls were sent late: p99 of lag is 5"), "{}", lag[1]);
    assert!(lag[1].ends_with("ms, and at most 1ms would be harmless."), "{}", lag[1]);
}

#[test]
fn systems_that_do_not_report_processors_are_judged_by_lag_and_rate_alone() {
    let late = good(vec![1_000; 1_000], 0).and_not_sent(NotSentReason::Late, 403);
    let bound = verdict(Loop::Open, &late, None);
    assert_eq!(
        bound.sentences()[2..],
        [
            "What would help: more --workers, --spin, a lower rate, or a machine of its own for the client.",
            "Note: how long threads ran or waited for a core was not measured, so only lag and rate were \
             judged.",
        ]
    );
    let closed = verdict(Loop::Closed, &late, None);
    assert_eq!(
        closed.sentences(),
        [
            "Note: how long threads ran or waited for a core was not measured, so it is not known whether it was \
          the client; with a rate, lag would show it."
        ]
    );
}
