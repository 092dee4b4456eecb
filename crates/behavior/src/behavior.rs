//! The behavior of a server.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::{Percent, string};

use crate::DEFAULT_MOST;
use crate::delay::{Constant, Delay};
use crate::delays::DelayDistribution;
use crate::fault::{FaultClause, Faults};
use crate::key::DrawKey;
use crate::parse::{self, Clauses, MOST_BYTES};
use crate::parse_error::ParseBehaviorError;
use crate::queue::Queue;
use crate::rules::Rules;
use crate::shape::Replay;
use crate::stall::Stall;

/// How calls are answered, with the canonical text that describes it. That text parses back to the same
/// value. All clones share one value.
#[derive(Debug, Clone)]
pub struct Behavior(Arc<Parts>);

/// Behaviors are equal if they do the same, whatever else their servers allow.
impl PartialEq for Behavior {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (&*self.0, &*other.0);
        one.delay == other.delay
            && one.faults == other.faults
            && one.queue == other.queue
            && one.stall == other.stall
    }
}

// No number in it is NaN, because none can be written.
impl Eq for Behavior {}

#[derive(Debug)]
struct Parts {
    delay: Delay,
    faults: Faults,
    queue: Option<Queue>,
    stall: Option<Stall>,
    text: Box<str>,
    /// The longest delay that was allowed when the behavior was read.
    limit: Duration,
}

impl Behavior {
    /// A behavior that was read with delays up to `limit` allowed.
    fn new(
        delay: Delay,
        faults: Faults,
        queue: Option<Queue>,
        stall: Option<Stall>,
        limit: Duration,
    ) -> Self {
        let text = canonical(&delay, &faults, queue.as_ref(), stall.as_ref()).into_boxed_str();
        Self(Arc::new(Parts { delay, faults, queue, stall, text, limit }))
    }

    /// Reads a behavior.
    ///
    /// # Errors
    /// When `text` is not a behavior, or has something that `rules` do not allow.
    pub fn read(text: &str, rules: &Rules<'_>) -> Result<Self, ParseBehaviorError> {
        let Clauses { delay, faults, queue, stall } = parse::read(text, rules)?;
        // Without a delay, calls are answered at once.
        let delay = delay.unwrap_or(Delay::Constant(Constant(Duration::ZERO)));
        let behavior = Self::new(delay, faults, queue, stall, rules.limit());
        if behavior.text().len() > MOST_BYTES {
            return Err(ParseBehaviorError::too_long_printed(behavior.text().len(), MOST_BYTES));
        }
        Ok(behavior)
    }

    /// The canonical text: for a constant delay that duration alone.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The delay of the call or message with this key.
    pub fn draw(&self, key: &DrawKey<'_>) -> Duration {
        let delay = &self.0.delay;
        delay.constant().unwrap_or_else(|| delay.draw(key.delay(), key.attempt))
    }

    /// The delay of the call or message with this key, and the fault that hits it, unless a `fail_first`
    /// does: they are drawn from two halves of one hash, so that the delays stay the same when faults are
    /// added or changed.
    pub fn draw_with_fault(&self, key: &DrawKey<'_>) -> (Duration, Option<&Arc<FaultClause>>) {
        let Parts { delay, faults, .. } = &*self.0;
        if faults.is_empty() {
            return (self.draw(key), None);
        }
        let [of_delay, of_fault] = key.delay_and_fault();
        let delay = delay.constant().unwrap_or_else(|| delay.draw(of_delay, key.attempt));
        (delay, faults.draw(of_fault))
    }

    pub(crate) fn delay(&self) -> &Delay {
        &self.0.delay
    }

    /// Its faults.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// The law of the delays of an attempt, counted from 1.
    pub fn delays(&self, attempt: u32) -> DelayDistribution<'_> {
        DelayDistribution::new(&self.0.delay, attempt)
    }

    /// The attempt from which on all attempts have the same delays.
    pub fn last_attempt(&self) -> u32 {
        self.0.delay.last_attempt()
    }

    /// The queue, if calls have to share a limited number of workers.
    pub fn queue(&self) -> Option<&Queue> {
        self.0.queue.as_ref()
    }

    /// The stall, in which no service begins.
    pub fn stall(&self) -> Option<&Stall> {
        self.0.stall.as_ref()
    }

    /// The same behavior on a server that allows delays up to `most`: a law without its own end is truncated
    /// there.
    ///
    /// # Errors
    /// When its calls take longer.
    pub fn within(&self, most: Duration) -> Result<Self, ParseBehaviorError> {
        // A `max` of 1h is not in the text, so it would be lost if the text were read again under the same
        // limit.
        if self.0.limit == most || self.0.delay.constant().is_some_and(|delay| delay <= most) {
            return Ok(self.clone());
        }
        let known = |file: &str| {
            let replay = self.0.delay.recording(file);
            replay.map(Replay::values).ok_or_else(|| "it was not read".to_owned())
        };
        Self::read(self.text(), &Rules::server(most, &known))
    }
}

/// Behaviors by their shapes, under the [default rules](Rules::default); any other is
/// [read](Behavior::read) from text.
///
/// ```
/// use std::time::Duration;
/// use longsync_behavior::{Behavior, Percent};
///
/// let [one, ten] = [1, 10].map(Duration::from_millis);
/// let p = |percent: &str| Percent::from_number(percent).unwrap();
/// for (behavior, text) in [
///     (Behavior::constant(one), "1ms"),
///     (Behavior::uniform(one, ten)?, "uniform(1ms, 10ms)"),
///     (Behavior::normal(ten, one)?, "normal(10ms, 1ms)"),
///     (Behavior::exponential(ten)?, "exponential(10ms)"),
///     (Behavior::pareto(one, 1.5)?, "pareto(1ms, 1.5)"),
///     (Behavior::lognormal([(p("50"), one), (p("99"), ten)])?, "lognormal(p50=1ms, p99=10ms)"),
///     (Behavior::percentiles(&[(p("50"), one), (p("99"), ten)])?, "percentiles(50=1ms, 99=10ms)"),
///     (
///         Behavior::mix(&[(p("99.9"), Behavior::constant(one)), (p("0.1"), Behavior::exponential(ten)?)])?,
///         "mix(99.9%: 1ms, 0.1%: exponential(10ms))",
///     ),
///     (Behavior::attempts(&[Behavior::constant(ten), Behavior::constant(one)])?, "attempts(10ms, 1ms)"),
///     (Behavior::replay("times.csv", &[(1_000_000, 99), (10_000_000, 1)])?, "replay(\"times.csv\")"),
/// ] {
///     assert_eq!(behavior.text(), text);
/// }
/// assert!(Behavior::pareto(one, f64::NAN).is_err());
/// # Ok::<(), longsync_behavior::ParseBehaviorError>(())
/// ```
///
/// # Errors
/// When the parameters do not make a law: then the equivalent text would be refused, too. No delay may be
/// over [`DEFAULT_MOST`].
impl Behavior {
    /// Waits for `delay`, then answers. [`Behavior::within`] tells whether a server allows that.
    pub fn constant(delay: Duration) -> Self {
        // It was not read under a limit, so it may be over any.
        Self::new(Delay::Constant(Constant(delay)), Faults::default(), None, None, Duration::MAX)
    }

    /// Delays between `low` and `high`, all equally likely.
    pub fn uniform(low: Duration, high: Duration) -> Result<Self, ParseBehaviorError> {
        format!("uniform({}, {})", text(low), text(high)).parse()
    }

    /// Normally distributed delays, conditioned on not being negative. Mean and standard deviation are those
    /// before that condition.
    pub fn normal(mean: Duration, deviation: Duration) -> Result<Self, ParseBehaviorError> {
        format!("normal({}, {})", text(mean), text(deviation)).parse()
    }

    /// Exponentially distributed delays: the times between the events of a Poisson process.
    pub fn exponential(mean: Duration) -> Result<Self, ParseBehaviorError> {
        format!("exponential({})", text(mean)).parse()
    }

    /// Delays of at least `scale`. The share of delays longer than x falls like x to the power of -`shape`, a
    /// number above 0.
    pub fn pareto(scale: Duration, shape: f64) -> Result<Self, ParseBehaviorError> {
        format!("pareto({}, {shape})", text(scale)).parse()
    }

    /// Log-normally distributed delays with two given percentiles, in any order.
    pub fn lognormal(points: [(Percent, Duration); 2]) -> Result<Self, ParseBehaviorError> {
        let [(one, first), (other, second)] = points;
        format!("lognormal(p{one}={}, p{other}={})", text(first), text(second)).parse()
    }

    /// Delays with the given percentiles, at least two between 0 and 100, in any order. That of 0 is the
    /// shortest delay, that of 100 the longest.
    pub fn percentiles(points: &[(Percent, Duration)]) -> Result<Self, ParseBehaviorError> {
        let points = points.iter().map(|(percent, delay)| format!("{percent}={}", text(*delay)));
        format!("percentiles({})", points.collect::<Vec<_>>().join(", ")).parse()
    }

    /// The given share of the calls draws from each of these behaviors. The shares must add up to 100 %.
    pub fn mix(parts: &[(Percent, Self)]) -> Result<Self, ParseBehaviorError> {
        let texts = parts.iter().map(|(percent, part)| format!("{percent}%: {part}"));
        let text = format!("mix({})", texts.collect::<Vec<_>>().join(", "));
        Self::of(&text, || parts.iter().map(|(_, part)| part))
    }

    /// The first attempt of a call draws from the first behavior, and so on; all later ones from the last.
    pub fn attempts(behaviors: &[Self]) -> Result<Self, ParseBehaviorError> {
        let texts = behaviors.iter().map(Self::text);
        let text = format!("attempts({})", texts.collect::<Vec<_>>().join(", "));
        Self::of(&text, || behaviors.iter())
    }

    /// Draws from recorded values under this name: distinct nanoseconds, ascending, each with how often it
    /// occurred.
    pub fn replay(name: &str, values: &[(u64, u64)]) -> Result<Self, ParseBehaviorError> {
        let text = format!("replay({})", string::print(name));
        Self::read(&text, &Rules::server(DEFAULT_MOST, &|_| Ok(values.to_vec())))
    }

    /// The same behavior with this queue in place of its own, if it has one.
    #[must_use]
    pub fn with_queue(&self, queue: Queue) -> Self {
        let Parts { delay, faults, stall, limit, .. } = &*self.0;
        Self::new(delay.clone(), faults.clone(), Some(queue), stall.clone(), *limit)
    }

    /// The same behavior with a stall.
    #[must_use]
    pub fn with_stall(&self, stall: Stall) -> Self {
        let Parts { delay, faults, queue, limit, .. } = &*self.0;
        Self::new(delay.clone(), faults.clone(), *queue, Some(stall), *limit)
    }

    /// Reads a text that is composed of the texts of other behaviors, using the values that they replay.
    fn of<'a, I>(text: &str, parts: impl Fn() -> I) -> Result<Self, ParseBehaviorError>
    where
        I: Iterator<Item = &'a Self>,
    {
        let known = |file: &str| {
            let mut all = parts().filter_map(|part| part.0.delay.recording(file));
            let first = all.next().ok_or("it was not read")?;
            if all.any(|other| other != first) {
                return Err("different values have this name: give each its own name".to_owned());
            }
            Ok(first.values())
        };
        Self::read(text, &Rules::server(DEFAULT_MOST, &known))
    }
}

/// A delay of `0s` is printed only if there is nothing else.
fn canonical(
    delay: &Delay,
    faults: &Faults,
    queue: Option<&Queue>,
    stall: Option<&Stall>,
) -> String {
    // Enough for most texts, so that the string need not grow piece by piece.
    let mut text = String::with_capacity(96);
    let is_alone = faults.is_empty() && queue.is_none() && stall.is_none();
    let mut add = |clause: &dyn fmt::Display| {
        let joint = if text.is_empty() { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{joint}{clause}");
    };
    if is_alone || delay.constant() != Some(Duration::ZERO) {
        add(delay);
    }
    faults.clauses().for_each(|fault| add(fault));
    if let Some(queue) = queue {
        add(queue);
    }
    if let Some(stall) = stall {
        add(stall);
    }
    text
}

impl FromStr for Behavior {
    type Err = ParseBehaviorError;

    /// Reads a behavior under the default rules.
    fn from_str(text: &str) -> Result<Self, ParseBehaviorError> {
        Self::read(text, &Rules::default())
    }
}

impl fmt::Display for Behavior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}
