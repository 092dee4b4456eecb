//! What the server counts, read from the server itself.

use std::time::Duration;

use longsync_server::{Kind, Outcome, Snapshot, Stats};
use longsync_timer::Timer;

use crate::body::Stamps;
use crate::http1;
use crate::race::outcome::ServerView;
use crate::target::Target;

/// How long a server may take to notice that calls were cancelled, and to say so.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of a server's metrics is read.
const MOST_BYTES: usize = 4 * 1024 * 1024;
const POLL: Duration = Duration::from_millis(5);

/// Where the counters are.
#[derive(Debug, Clone)]
pub(super) enum Counters {
    /// In this process.
    Embedded(Stats),
    /// At a server's `/metrics`.
    Remote(Target),
}

/// A reading.
#[derive(Debug)]
pub(super) struct Reading {
    in_flight: u64,
    cancelled: u64,
    cancelled_after_sum: Duration,
    snapshot: Option<Snapshot>,
}

impl Counters {
    /// Reads them; [`None`] when the server does not say.
    pub(super) async fn read(&self, timer: &Timer) -> Option<Reading> {
        match self {
            Self::Embedded(stats) => Some(Reading::of(stats.snapshot())),
            Self::Remote(target) => {
                let stamps = Stamps::default();
                let answer = tokio::select! {
                    answer = http1::get(target, "/metrics", MOST_BYTES, timer, &stamps) => answer.ok()?,
                    _ = timer.sleep(PATIENCE) => return None,
                };
                Reading::parse(str::from_utf8(&answer.body).ok()?)
            }
        }
    }

    /// What was counted since `before`, once no more calls are in flight than then, or patience ends.
    pub(super) async fn since(&self, before: &Reading, timer: &Timer) -> Option<ServerView> {
        let start = timer.now();
        loop {
            let now = self.read(timer).await?;
            if now.in_flight <= before.in_flight || timer.now() - start > PATIENCE {
                return Some(now.since(before));
            }
            timer.sleep(POLL).await;
        }
    }
}

impl Reading {
    fn of(snapshot: Snapshot) -> Self {
        Self {
            in_flight: snapshot.calls_in_flight(),
            cancelled: Kind::ALL
                .into_iter()
                .map(|kind| snapshot.calls_ended(kind, Outcome::Cancelled))
                .sum(),
            cancelled_after_sum: snapshot.cancelled_after().sum(),
            snapshot: Some(snapshot),
        }
    }

    /// Reads the text form of Prometheus, as far as it is ours.
    fn parse(text: &str) -> Option<Self> {
        let samples = || {
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
                let (name, value) = line.rsplit_once(' ')?;
                Some((name, value.parse::<f64>().ok()?))
            })
        };
        let one = |name: &str| samples().find(|sample| sample.0 == name).map(|sample| sample.1);
        let cancelled = samples().filter(|(name, _)| {
            name.starts_with("longsync_calls_ended_total{")
                && name.contains("outcome=\"cancelled\"")
        });
        Some(Self {
            in_flight: count(one("longsync_calls_in_flight")?),
            cancelled: count(cancelled.map(|sample| sample.1).sum()),
            cancelled_after_sum: Duration::try_from_secs_f64(one(
                "longsync_cancelled_after_seconds_sum",
            )?)
            .ok()?,
            snapshot: None,
        })
    }

    fn since(&self, before: &Self) -> ServerView {
        let cancelled = self.cancelled.saturating_sub(before.cancelled);
        let sum = self.cancelled_after_sum.saturating_sub(before.cancelled_after_sum);
        ServerView {
            cancelled,
            cancelled_after_mean: sum / u32::try_from(cancelled.max(1)).unwrap_or(u32::MAX),
            cancelled_after_p99: self.p99_since(before).filter(|_| cancelled > 0),
        }
    }

    fn p99_since(&self, before: &Self) -> Option<Duration> {
        let cancelled = |reading: &Self| {
            reading.snapshot.as_ref().map(|snapshot| snapshot.cancelled_after().clone())
        };
        cancelled(self)?.since(&cancelled(before)?).at_rank(99, 100)
    }
}

/// Counters are whole numbers, also where their text form is not.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they are counts")]
fn count(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "\
# HELP longsync_calls_ended Calls that ended, by how
longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"answered\"} 7
longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"cancelled\"} 3
longsync_calls_ended_total{rpc=\"GET /long_sync\",outcome=\"cancelled\"} 2
longsync_calls_in_flight 4
longsync_cancelled_after_seconds_sum 1.25
longsync_cancelled_after_seconds_count 5
# EOF
";

    #[test]
    fn the_text_of_metrics_is_read() {
        let reading = Reading::parse(METRICS).unwrap();
        assert_eq!((reading.in_flight, reading.cancelled), (4, 5));
        assert_eq!(reading.cancelled_after_sum, Duration::from_millis(1_250));
        assert!(Reading::parse("nothing of ours 1\n").is_none());
    }

    #[test]
    fn what_was_counted_between_two_readings_is_their_difference() {
        let before = Reading::parse(METRICS).unwrap();
        let after = Reading::parse(
            &METRICS
                .replace("\"cancelled\"} 3", "\"cancelled\"} 7")
                .replace("sum 1.25", "sum 2.05"),
        );
        let view = after.unwrap().since(&before);
        assert_eq!((view.cancelled, view.cancelled_after_p99), (4, None));
        assert_eq!(view.cancelled_after_mean, Duration::from_millis(200));
    }
}
