//! Tests of what a terminal shows of a running load.

use std::thread;
use std::time::Duration;

use longsync_load::{Live, Observer as _};
use longsync_stats::{CallRecord, Figures, Moment, NotSentReason, Quantile, Recorder, StatusCode};

use super::*;

fn millis(millis: u64) -> Quantile {
    Quantile::At(Duration::from_millis(millis))
}

/// 12 s of a run at 1,000 calls per second, the last of which is slower.
fn view() -> LiveView {
    let mut history: std::collections::VecDeque<_> =
        (0..11).map(|it| Some(millis(15 + it % 4))).collect();
    history.extend([None, Some(Quantile::Beyond(Duration::from_millis(700))), Some(millis(80))]);
    LiveView {
        goal: RunGoal { calls: None, time: Some(Duration::from_secs(30)) },
        elapsed: Duration::from_secs(12),
        due: 1_000,
        sent: 904,
        due_so_far: 12_000,
        in_flight: 96,
        connections: 4,
        last: LiveLatency { p50: Some(millis(7)), p99: Some(millis(80)) },
        so_far: LiveLatency { p50: Some(millis(7)), p99: Some(millis(20)) },
        failed: 12,
        not_sent: 96,
        new_errors: 96,
        history,
        ..LiveView::default()
    }
}

fn plain(view: &LiveView, columns: usize) -> String {
    let lines = lines(view, columns).join("\n");
    anstream::adapter::strip_str(&lines).to_string()
}

#[test]
fn a_running_load() {
    insta::assert_snapshot!("live_80", plain(&view(), 80));
    insta::assert_snapshot!("live_40", plain(&view(), 40));
    let goal = RunGoal { calls: Some(50_000), time: None };
    let closed =
        LiveView { goal, is_closed: true, failed: 0, not_sent: 0, new_errors: 0, ..view() };
    insta::assert_snapshot!("live_closed_140", plain(&closed, 140));
    insta::assert_snapshot!("live_begun_80", plain(&LiveView::default(), 80));
}

#[test]
fn no_line_is_wider_than_the_terminal_or_moves_the_cursor() {
    let mut long = view();
    long.history = (0..1_000).map(|it| Some(millis(it))).collect();
    for view in [view(), long, LiveView::default()] {
        for columns in 0..=200 {
            for line in plain(&view, columns).lines() {
                assert!(line.chars().count() <= columns, "{columns}: {line}");
                assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
    }
}

/// A second in which one call took 5 ms, one failed, and one was not sent.
fn second() -> Figures {
    let mut recorder = Recorder::default();
    let [due, done] = [0, 5_000_000].map(Moment::from_nanos);
    for code in [0, 14] {
        recorder.sent(Some(due), due);
        let call =
            CallRecord { due: Some(due), ..CallRecord::new(due, done, StatusCode::from(code)) };
        recorder.ended(&call, None);
    }
    recorder.not_sent(due, NotSentReason::Late, 1);
    std::mem::take(recorder.figures())
}

#[test]
fn a_board_sums_up_the_seconds_it_receives() {
    let mut board = LiveBoard::new(RunGoal::default(), false);
    let (one, mut both) = (second(), second());
    board.second(&Live::of(Duration::from_secs(1), &one, &one));
    both.merge(&second());
    board.second(&Live::of(Duration::from_secs(2), &one, &both));
    let (seconds, view) = board.next(0).unwrap();
    assert_eq!((seconds, view.elapsed), (2, Duration::from_secs(2)));
    assert_eq!((view.due, view.sent, view.due_so_far), (3, 2, 6));
    assert_eq!((view.failed, view.not_sent, view.new_errors), (2, 2, 2));
    // Of three calls that were due, one had a good answer.
    assert!(matches!(view.last.p50, Some(Quantile::Beyond(longest)) if longest.as_millis() == 5));
    assert_eq!(view.history.len(), 2);
}

#[test]
fn a_board_keeps_the_last_thousand_seconds() {
    let mut board = LiveBoard::new(RunGoal::default(), true);
    let second = second();
    for number in 1..=1_100 {
        board.second(&Live::of(Duration::from_secs(number), &second, &second));
    }
    let (seconds, view) = board.next(1_099).unwrap();
    assert_eq!((seconds, view.history.len()), (1_100, 1_000));
}

#[test]
fn waiting_on_a_board_ends_when_the_run_is_over() {
    let board = LiveBoard::new(RunGoal::default(), false);
    let waiting = thread::spawn({
        let board = board.clone();
        move || board.next(0)
    });
    board.close();
    assert_eq!(waiting.join().unwrap(), None);
}

#[test]
fn progress_follows_the_goal_that_is_nearer() {
    let goal = RunGoal { calls: Some(1_000), time: Some(Duration::from_secs(10)) };
    assert_eq!(goal.thousandths(Duration::from_secs(1), 500), Some(500));
    assert_eq!(goal.thousandths(Duration::from_secs(9), 500), Some(900));
    assert_eq!(goal.thousandths(Duration::from_secs(99), 0), Some(1_000));
    assert_eq!(RunGoal::default().thousandths(Duration::from_secs(9), 500), None);
    let nothing = RunGoal { calls: Some(0), time: Some(Duration::ZERO) };
    assert_eq!(nothing.thousandths(Duration::MAX, u64::MAX), Some(1_000));
}

/// A long warm-up must not look like a hang.
#[test]
fn the_warm_up_is_shown_before_the_first_second() {
    let text = |warm_up: Option<u64>, columns| {
        let lines = beginning(warm_up.map(Duration::from_secs), columns);
        let lines: Vec<_> =
            lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        lines.join("\n")
    };
    assert_eq!(text(Some(30), 80), "starting    warm-up of 30s, not recorded");
    assert_eq!(text(Some(30), 20), "starting    warm-up ");
    assert_eq!(text(Some(0), 80), text(None, 80));
}
