//! The last ten seconds of a run, and the rules that may end it. Pure.

use std::fmt;
use std::time::Duration;

use super::StopRule;
use crate::counts::Counts;
use crate::distribution::Distribution;
use crate::figures::Figures;
use crate::metric::{CallTime, Metric, Value};
use crate::moment::Moment;
use crate::run_loop::Loop;
use crate::share::Share;

/// How many of the last seconds count.
const SECONDS: usize = 10;
/// How many times these seconds must have, and how many calls for a share: with fewer, chance would end runs.
const LEAST_TIMES: u64 = 1_000;
const LEAST_CALLS: u64 = 100;

/// Looks at a run once per second, and says when a rule ends it.
///
/// For each figure that a rule reads, it keeps ten distributions and their sum; it allocates nothing after it
/// was made.
#[derive(Debug)]
pub struct StopRuleWatch {
    kind: Loop,
    rules: Vec<StopRule>,
    /// The figures that rules read.
    times: Vec<RecentTimes>,
    counts: [Counts; SECONDS],
    /// The index of the next second, which replaces the oldest.
    next: usize,
}

/// The rule that ended a run, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleStop {
    /// The first that held, in the order in which they were given.
    pub rule: StopRule,
    /// What was measured over the last ten seconds.
    pub value: Value,
    /// The end of the last of them.
    pub at: Moment,
}

impl StopRuleWatch {
    /// Watches for these rules, in their order. A rule that this kind of loop [does not
    /// measure](StopRule::measured_in) never holds.
    pub fn new(rules: Vec<StopRule>, kind: Loop) -> Self {
        let mut times: Vec<RecentTimes> = Vec::new();
        for rule in &rules {
            if let Metric::Time(figure, _) = rule.0.metric {
                let figure = CallTime::meant(figure, kind);
                if times.iter().all(|it| it.figure != figure) {
                    times.push(RecentTimes::of(figure));
                }
            }
        }
        Self { kind, rules, times, counts: [Counts::default(); SECONDS], next: 0 }
    }

    /// Looks at one more second, which has these `figures` and ended at `at`, and at the nine before it.
    /// Returns the first rule that holds, if one does.
    pub fn second(&mut self, figures: &Figures, at: Moment) -> Option<RuleStop> {
        self.counts[self.next] = figures.counts;
        for times in &mut self.times {
            times.replace(self.next, figures);
        }
        self.next = (self.next + 1) % SECONDS;
        let mut counts = Counts::default();
        for second in self.counts {
            counts += second;
        }
        let stopped = |rule: &StopRule| {
            let value = self.value(rule.0.metric, &counts);
            rule.0.holds(value).then_some(RuleStop { rule: *rule, value, at })
        };
        self.rules.iter().find_map(stopped)
    }

    /// The value of a metric over the seconds, if they have enough calls.
    fn value(&self, metric: Metric, counts: &Counts) -> Value {
        let calls = match metric {
            _ if metric.missing_in(self.kind).is_some() => return Value::Unmeasured,
            Metric::Time(figure, statistic) => {
                let figure = CallTime::meant(figure, self.kind);
                let recent = self.times.iter().find(|it| it.figure == figure);
                let enough = recent.filter(|it| it.all.count() >= LEAST_TIMES);
                return enough.map_or(Value::Unmeasured, |it| statistic.of(&it.all));
            }
            Metric::NotSent => due(counts),
            Metric::Errors | Metric::Rate => counts.ended(),
        };
        if calls < LEAST_CALLS {
            return Value::Unmeasured;
        }
        match metric {
            Metric::NotSent => Share::of(counts.not_sent.total(), calls).into(),
            metric => metric.counted(counts, Duration::ZERO),
        }
    }
}

/// How many calls were due in some seconds of a run. Calls in flight are not yet unfinished, so
/// [`Counts::due`] does not contain them.
fn due(counts: &Counts) -> u64 {
    counts.sent + counts.not_sent.total()
}

/// The times of the last seconds.
#[derive(Debug)]
struct RecentTimes {
    figure: CallTime,
    seconds: Vec<Distribution>,
    /// Their sum.
    all: Distribution,
}

impl RecentTimes {
    fn of(figure: CallTime) -> Self {
        let seconds = (0..SECONDS).map(|_| Distribution::default()).collect();
        Self { figure, seconds, all: Distribution::default() }
    }

    fn replace(&mut self, index: usize, figures: &Figures) {
        self.seconds[index].clear();
        self.figure.add_to(&mut self.seconds[index], figures);
        self.all.clear();
        for second in &self.seconds {
            self.all.merge(second);
        }
    }
}

impl fmt::Display for RuleStop {
    /// `p99>250ms ended the run: 312.4ms over the last 10 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.rule.0.shown(self.value);
        write!(f, "{} ended the run: {value} over the last 10 s", self.rule)
    }
}
