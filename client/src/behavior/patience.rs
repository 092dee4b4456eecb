//! Which calls take longer than a caller waits.

use std::fmt::Write as _;

use longsync_behavior::Behavior;
use longsync_behavior::explain::DisplayShare;
use longsync_text::TypedDuration;

/// How long a caller waits, and how often it makes the same call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// How long it waits for each attempt.
    pub deadline: TypedDuration,
    /// How many attempts it makes at most.
    pub attempts: u32,
}

impl Patience {
    /// The share of the calls, from 0 to 1, that take longer than the deadline: in each attempt, the later
    /// ones among all calls that come to them.
    pub fn beyond(&self, behavior: &Behavior) -> Vec<f64> {
        let attempts = 1..=self.attempts;
        attempts.map(|it| 1.0 - behavior.delays(it).share_to(self.deadline.value())).collect()
    }

    /// What the attempts leave, each of which draws for itself.
    pub fn left(&self, behavior: &Behavior) -> f64 {
        self.beyond(behavior).into_iter().product()
    }

    /// A line for the attempts of each law, with the result in the last.
    pub(super) fn lines(&self, behavior: &Behavior) -> Vec<String> {
        let beyond = self.beyond(behavior);
        let deadline = self.deadline.to_string();
        let mut first = 1;
        let runs = beyond.chunk_by(|one, next| (one - next).abs() < ROUNDING);
        let mut lines: Vec<_> = runs
            .map(|run| {
                let last = first + run.len() - 1;
                let of = match (first, last) {
                    (1, last) if last == beyond.len() => String::new(),
                    (first, last) if first == last => format!("attempt {first}: "),
                    (first, last) => format!("attempts {first} to {last}: "),
                };
                first = last + 1;
                format!("{of}{}", sentence(run[0], &deadline))
            })
            .collect();
        if let (Some(last), 2..) = (lines.last_mut(), self.attempts) {
            let left = match self.left(behavior) {
                left if left <= 0.0 => "none are left".to_owned(),
                left => format!("{} are left", DisplayShare(left)),
            };
            let _ = write!(last, "; after {} attempts {left}", self.attempts);
        }
        lines
    }
}

/// What a law's arithmetic may make of equal shares.
const ROUNDING: f64 = 1e-15;

fn sentence(share: f64, deadline: &str) -> String {
    if share <= 0.0 {
        format!("no call takes longer than {deadline}")
    } else if share >= 1.0 {
        format!("every call takes longer than {deadline}")
    } else {
        format!("{} of calls take longer than {deadline}", DisplayShare(share))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn lines(behavior: &str, deadline_ms: u64, attempts: u32) -> Vec<String> {
        let deadline = Duration::from_millis(deadline_ms).into();
        Patience { deadline, attempts }.lines(&behavior.parse().unwrap())
    }

    #[test]
    fn each_attempt_draws_for_itself() {
        assert_eq!(
            lines("mix(10%: 1s, rest: 1ms)", 100, 3),
            ["10 % of calls take longer than 100ms; after 3 attempts 0.1 % are left"]
        );
    }

    #[test]
    fn attempts_of_their_own_have_lines_of_their_own() {
        assert_eq!(
            lines("attempts(1s, mix(50%: 1s, rest: 1ms))", 100, 3),
            [
                "attempt 1: every call takes longer than 100ms",
                "attempts 2 to 3: 50 % of calls take longer than 100ms; after 3 attempts 25 % are left",
            ]
        );
        assert_eq!(
            lines("10ms", 10, 2),
            ["no call takes longer than 10ms; after 2 attempts none are left"]
        );
    }
}
