//! Lets through at most ten lines of each kind per second, so that no client can fill a disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use longsync_server::{CALL_LOG_TARGET, QUEUE_LOG_TARGET};
use tokio::sync::Notify;
use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How many lines of one kind may be written in any second. A kind is one location in the source.
const LINES_PER_SECOND: usize = 10;
const SECOND: Duration = Duration::from_secs(1);
const UNLIMITED: [&str; 2] = [CALL_LOG_TARGET, QUEUE_LOG_TARGET];

/// Lets lines through, and counts those that it leaves out.
///
/// The lines for each call are not limited: whoever enables them wants all of them (docs/decisions/0014).
#[derive(Debug, Clone, Default)]
pub(super) struct Throttle(Arc<State>);

#[derive(Debug, Default)]
struct State {
    kinds: Mutex<HashMap<Identifier, LineHistory>>,
    has_left_out: Notify,
}

/// The history of one kind of line.
#[derive(Debug)]
struct LineHistory {
    of: &'static Metadata<'static>,
    rate: LineRate,
    left_out: u64,
}

impl Throttle {
    /// Whether a line may be written now.
    fn allow(&self, of: &'static Metadata<'static>, now: Instant) -> bool {
        let mut kinds = self.kinds();
        let seen = kinds.entry(of.callsite()).or_insert_with(|| LineHistory {
            of,
            rate: LineRate::default(),
            left_out: 0,
        });
        let may = seen.rate.allow(now);
        if !may {
            seen.left_out += 1;
            self.0.has_left_out.notify_one();
        }
        may
    }

    /// Resolves as soon as lines were left out that have not been reported.
    pub(super) async fn has_left_out(&self) {
        self.0.has_left_out.notified().await;
    }

    /// One sentence for each kind whose lines were left out since the last call.
    pub(super) fn left_out(&self) -> Vec<String> {
        let mut kinds = self.kinds();
        let left_out = kinds.values_mut().filter(|seen| seen.left_out > 0);
        left_out
            .map(|seen| {
                let count = std::mem::take(&mut seen.left_out);
                let lines = if count == 1 { "line" } else { "lines" };
                let (target, line) = (seen.of.target(), seen.of.line().unwrap_or_default());
                format!(
                    "left out {count} more log {lines} from {target} (source line {line}): \
                     at most {LINES_PER_SECOND} lines of each kind are written per second"
                )
            })
            .collect()
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<Identifier, LineHistory>> {
        self.0.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Throttle {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let of = event.metadata();
        UNLIMITED.contains(&of.target()) || self.allow(of, Instant::now())
    }
}

/// When the last lines of a kind were written.
#[derive(Debug, Default)]
struct LineRate {
    written: [Option<Instant>; LINES_PER_SECOND],
    oldest: usize,
}

impl LineRate {
    /// Whether one more line may be written now. If so, it is counted.
    fn allow(&mut self, now: Instant) -> bool {
        let oldest = &mut self.written[self.oldest];
        if oldest.is_some_and(|at| now.saturating_duration_since(at) < SECOND) {
            return false;
        }
        *oldest = Some(now);
        self.oldest = (self.oldest + 1) % LINES_PER_SECOND;
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tracing::field::FieldSet;
    use tracing::metadata::Kind;
    use tracing::subscriber::Interest;
    use tracing::{Callsite, Level};

    use super::*;

    proptest! {
        /// However lines arrive, no second contains more than ten, and no line is left out that would be the
        /// tenth or an earlier one.
        #[test]
        fn no_second_has_more_than_ten(gaps_ms in proptest::collection::vec(0_u64..300, 1..200)) {
            let start = Instant::now();
            let mut rate = LineRate::default();
            let mut written: Vec<u64> = Vec::new();
            let mut now = 0;
            for gap in gaps_ms {
                now += gap;
                let recent = written.iter().filter(|at| now - **at < 1_000).count();
                let may = rate.allow(start + Duration::from_millis(now));
                prop_assert_eq!(may, recent < LINES_PER_SECOND);
                if may {
                    written.push(now);
                }
            }
        }
    }

    struct TestCallsite;

    impl Callsite for TestCallsite {
        fn set_interest(&self, _: Interest) {}

        fn metadata(&self) -> &Metadata<'_> {
            &OF_PLACE
        }
    }

    static PLACE: TestCallsite = TestCallsite;
    static OF_PLACE: Metadata<'static> = Metadata::new(
        "event",
        "h2::proto",
        Level::WARN,
        None,
        Some(7),
        None,
        FieldSet::new(&[], Identifier(&PLACE)),
        Kind::EVENT,
    );

    #[test]
    fn left_out_lines_are_counted_and_reported_once() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let written = (0..500).filter(|_| throttle.allow(&OF_PLACE, start)).count();
        assert_eq!(written, LINES_PER_SECOND);
        let said = throttle.left_out();
        assert!(said[0].starts_with("left out 490 more log lines from h2::proto (source line 7)"));
        assert!(throttle.left_out().is_empty());
        assert!(throttle.allow(&OF_PLACE, start + SECOND));
    }
}
