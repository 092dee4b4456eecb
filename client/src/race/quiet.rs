//! Gives up a way that makes no progress, because the calls of a race have no deadline.

use std::time::Duration;

use longsync_timer::Timer;
use tonic::Code;

use crate::race::outcome::CallEnd;
use crate::race::progress::WayProgress;
use longsync_connect::status::code_name;

/// A way is given up when no call was sent and none ended for the longest delay plus this time.
const QUIET: Duration = Duration::from_secs(30);

/// How often progress is checked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Waits until there has been no progress for the longest delay plus [`QUIET`].
pub(super) async fn nothing_moves(progress: &WayProgress, longest: Duration, timer: &Timer) {
    let (mut seen, mut since) = (progress.read(), timer.now());
    loop {
        timer.sleep(LOOK_EVERY).await;
        let (reading, now) = (progress.read(), timer.now());
        if reading != seen {
            (seen, since) = (reading, now);
        } else if now.saturating_duration_since(since) >= longest.saturating_add(QUIET) {
            return;
        }
    }
}

/// Marks the unfinished calls as failed at `done`.
pub(super) fn give_up<'a>(ends: impl Iterator<Item = &'a mut CallEnd>, done: Duration) {
    for end in ends.filter(|end| **end == CallEnd::Unfinished) {
        *end = CallEnd::Failed {
            done,
            status: code_name(Code::DeadlineExceeded).to_owned(),
            message: format!(
                "given up: no call was sent and none ended for {} s longer than the longest delay",
                QUIET.as_secs()
            ),
            reported: None,
        };
    }
}

#[cfg(test)]
mod tests {
    use longsync_timer::Clock;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn a_way_that_makes_progress_is_not_given_up() {
        let (progress, timer) = (WayProgress::default(), Timer::new(Clock::Tokio));
        let start = timer.now();
        let moving = async {
            progress.one_sent();
            timer.sleep(LONGEST + Duration::from_secs(20)).await;
            progress.one_done();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            () = moving => {}
            () = nothing_moves(&progress, LONGEST, &timer) => {}
        }
        let waited = timer.now() - start;
        let at_least = 2 * LONGEST + QUIET + Duration::from_secs(20);
        assert!((at_least..at_least + 3 * LOOK_EVERY).contains(&waited), "{waited:?}");
    }

    #[test]
    fn only_unfinished_calls_are_given_up() {
        let answered = CallEnd::answered(LONGEST, None, None);
        let mut ends = [CallEnd::Unfinished, answered.clone()];
        give_up(ends.iter_mut(), QUIET);
        assert!(
            matches!(&ends[0], CallEnd::Failed { done, status, .. } if *done == QUIET && status == "DEADLINE_EXCEEDED")
        );
        assert_eq!(ends[1], answered);
    }
}
