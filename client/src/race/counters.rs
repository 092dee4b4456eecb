//! The server's counters, read from the server itself.

use std::time::Duration;

use http::HeaderMap;
use longsync_server::{CallKind, Outcome, Snapshot, Stats};
use longsync_timer::Timer;

use crate::http1::{self, Keep};
use crate::race::outcome::ServerView;
use longsync_connect::Stamps;
use longsync_connect::Target;
use longsync_connect::timing::is_plausible;

/// How long a server may take to notice that calls were cancelled, and to report it.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most bytes read of a server's metrics.
const MOST_BYTES: usize = 4 * 1024 * 1024;
const POLL: Duration = Duration::from_millis(5);

/// The source of the counters.
#[derive(Debug, Clone)]
pub(super) enum CounterSource {
    /// In this process.
    Embedded(Stats),
    /// A server's `/metrics`.
    Remote(Target),
}

/// The values of the counters at one time.
#[derive(Debug)]
pub(super) struct CounterSnapshot {
    in_flight: u64,
    cancelled: u64,
    cancelled_after_sum: Duration,
    snapshot: Option<Snapshot>,
}

impl CounterSource {
    /// Reads the counters; [`None`] if the server does not report them.
    pub(super) async fn read(&self, timer: &Timer) -> Option<CounterSnapshot> {
        match self {
            Self::Embedded(stats) => Some(CounterSnapshot::of(stats.snapshot())),
            Self::Remote(target) => {
                let (stamps, headers) = (Stamps::default(), HeaderMap::new());
                let answer = tokio::select! {
                    answer = http1::get(target, ("/metrics", &headers), (MOST_BYTES, Keep::All), timer, &stamps) => answer.ok()?,
                    _ = timer.sleep(PATIENCE) => return None,
                };
                CounterSnapshot::parse(str::from_utf8(&answer.body).ok()?)
            }
        }
    }

    /// The difference to `before`, as soon as no more calls are in flight than then, or after [`PATIENCE`].
    pub(super) async fn since(
        &self,
        before: &CounterSnapshot,
        timer: &Timer,
    ) -> Option<ServerView> {
        let start = timer.now();
        loop {
            let now = self.read(timer).await?;
            if now.in_flight <= before.in_flight || timer.now() - start > PATIENCE {
                return now.since(before);
            }
            timer.sleep(POLL).await;
        }
    }
}

impl CounterSnapshot {
    fn of(snapshot: Snapshot) -> Self {
        Self {
            in_flight: snapshot.calls_in_flight(),
            cancelled: CallKind::ALL
                .into_iter()
                .map(|kind| snapshot.calls_ended(kind, Outcome::Cancelled))
                .sum(),
            cancelled_after_sum: snapshot.cancelled_after().sum(),
            snapshot: Some(snapshot),
        }
    }

    /// Parses longsync's counters from the Prometheus text format.
    fn parse(text: &str) -> Option<Self> {
        let samples = || {
            text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
                let (name, value) = line.rsplit_once(' ')?;
                Some((name, value.parse::<f64>().ok()?))
            })
        };
        let one = |name: &str| samples().find(|sample| sample.0 == name).map(|sample| sample.1);
        let mut cancelled = samples().filter(|(name, _)| {
            name.starts_with("longsync_calls_ended_total{")
                && name.contains("outcome=\"cancelled\"")
        });
        let add = |sum: u64, (_, value)| sum.checked_add(count(value)?);
        let sum = one("longsync_cancelled_after_seconds_sum")?;
        Some(Self {
            in_flight: count(one("longsync_calls_in_flight")?)?,
            cancelled: cancelled.try_fold(0, add)?,
            cancelled_after_sum: Duration::try_from_secs_f64(sum).ok()?,
            snapshot: None,
        })
    }

    /// The difference to `before`; [`None`] if it is impossible, because counters do not decrease, and no
    /// call waits for longer than a year.
    fn since(&self, before: &Self) -> Option<ServerView> {
        let cancelled = self.cancelled.checked_sub(before.cancelled)?;
        let sum = self.cancelled_after_sum.checked_sub(before.cancelled_after_sum)?;
        let mean = match sum.as_nanos().checked_div(cancelled.into()) {
            Some(mean) => {
                let mean = Duration::from_nanos(u64::try_from(mean).ok()?);
                Some(Some(mean).filter(is_plausible)?)
            }
            None => None,
        };
        Some(ServerView {
            cancelled,
            cancelled_after_mean: mean,
            cancelled_after_p99: self.p99_since(before).filter(|_| cancelled > 0),
        })
    }

    fn p99_since(&self, before: &Self) -> Option<Duration> {
        let cancelled = |reading: &Self| {
            reading.snapshot.as_ref().map(|snapshot| snapshot.cancelled_after().clone())
        };
        cancelled(self)?.since(&cancelled(before)?).at_rank(99, 100)
    }
}

/// A count, which Prometheus may write as a float; [`None`] if no count can be that large.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is in range"
)]
fn count(value: f64) -> Option<u64> {
    /// Above 2^53 a float cannot represent every whole number.
    const MOST: f64 = 9_007_199_254_740_992.0;
    (0.0..=MOST).contains(&value).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: &str = "\
# HELP longsync_calls_ended Calls that ended, by outcome
longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"answered\"} 7
longsync_calls_ended_total{rpc=\"LongSync\",outcome=\"cancelled\"} 3
longsync_calls_ended_total{rpc=\"GET /long_sync\",outcome=\"cancelled\"} 2
longsync_calls_in_flight 4
longsync_cancelled_after_seconds_sum 1.25
longsync_cancelled_after_seconds_count 5
# EOF
";

    #[test]
    fn the_prometheus_text_is_parsed() {
        let reading = CounterSnapshot::parse(METRICS).unwrap();
        assert_eq!((reading.in_flight, reading.cancelled), (4, 5));
        assert_eq!(reading.cancelled_after_sum, Duration::from_millis(1_250));
        assert!(CounterSnapshot::parse("another_counter 1\n").is_none());
    }

    #[test]
    fn the_counts_between_two_readings_are_their_difference() {
        let before = CounterSnapshot::parse(METRICS).unwrap();
        let after = CounterSnapshot::parse(
            &METRICS
                .replace("\"cancelled\"} 3", "\"cancelled\"} 7")
                .replace("sum 1.25", "sum 2.05"),
        );
        let view = after.unwrap().since(&before).unwrap();
        assert_eq!((view.cancelled, view.cancelled_after_p99), (4, None));
        assert_eq!(view.cancelled_after_mean, Some(Duration::from_millis(200)));
        let none = before.since(&before).unwrap();
        assert_eq!((none.cancelled, none.cancelled_after_mean), (0, None));
    }

    #[test]
    fn impossible_figures_are_none() {
        for absurd in ["1e300", "+Inf", "-Inf", "NaN", "-3", "9.1e15", "1e18"] {
            for (figure, at) in
                [("4", "in_flight 4"), ("3", "\"cancelled\"} 3"), ("1.25", "sum 1.25")]
            {
                let with = at.replace(figure, absurd);
                let reading = CounterSnapshot::parse(&METRICS.replace(at, &with));
                let is_sum = at.starts_with("sum");
                // The sum over very many calls may be this long.
                let may_be = is_sum && matches!(absurd, "9.1e15" | "1e18");
                assert_eq!(reading.is_some(), may_be, "{with}");
                let before = CounterSnapshot::parse(METRICS).unwrap();
                let view = reading.and_then(|reading| reading.since(&before));
                assert!(view.is_none_or(|view| view.cancelled == 0), "{with}");
            }
        }
        let later = |cancelled: &str, sum: &str| {
            let text = METRICS.replace("\"cancelled\"} 3", &format!("\"cancelled\"}} {cancelled}"));
            let after =
                CounterSnapshot::parse(&text.replace("sum 1.25", &format!("sum {sum}"))).unwrap();
            after.since(&CounterSnapshot::parse(METRICS).unwrap())
        };
        assert!(later("2", "1.25").is_none(), "a counter decreased");
        assert!(later("4", "0.5").is_none(), "a sum decreased");
        assert!(later("4", "1e10").is_none(), "a call waited for three hundred years");
        assert_eq!(later("9000000000000000", "9e15").unwrap().cancelled, 8_999_999_999_999_997);
    }
}
