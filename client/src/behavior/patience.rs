//! The share of calls that take longer than a caller waits.

use std::fmt::Write as _;

use longsync_behavior::Behavior;
use longsync_behavior::explain::DisplayShare;
use longsync_text::TypedDuration;

/// How long a caller waits, and how many attempts it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// How long it waits for each attempt.
    pub deadline: TypedDuration,
    /// The most attempts that it makes.
    pub attempts: u32,
}

impl Patience {
    /// The share of calls that take longer than the deadline, from 0 to 1, per attempt. For a later attempt,
    /// it is the share of the calls that reach this attempt.
    pub fn beyond(&self, behavior: &Behavior) -> Vec<f64> {
        let attempts = 1..=self.attempts;
        attempts.map(|it| 1.0 - behavior.delays(it).share_to(self.deadline.value())).collect()
    }

    /// The share of calls that exceed the deadline in all attempts, each of which draws independently.
    pub fn left(&self, behavior: &Behavior) -> f64 {
        self.beyond(behavior).into_iter().product()
    }

    /// One line per run of attempts with the same law; the last line also has the result.
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

/// The rounding error within which shares count as equal.
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
    fn attempts_draw_independently() {
        assert_eq!(
            lines("mix(10%: 1s, rest: 1ms)", 100, 3),
            ["10 % of calls take longer than 100ms; after 3 attempts 0.1 % are left"]
        );
    }

    #[test]
    fn attempts_with_different_delays_have_separate_lines() {
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
