//! A behavior, explained in figures.

use std::fmt;
use std::time::Duration;

use longsync_text::Percent;
use longsync_text::duration::{rounded, text};

use crate::behavior::Behavior;
use crate::fault::Fault;
use crate::queue::Queue;

/// The percentiles that are shown, in millionths of a percent.
const PERCENTILES: [u32; 10] = [
    1_000_000, 10_000_000, 25_000_000, 50_000_000, 75_000_000, 90_000_000, 95_000_000, 99_000_000,
    99_900_000, 99_990_000,
];

/// The percentiles that are shown.
pub fn percentiles() -> impl Iterator<Item = Percent> {
    PERCENTILES.into_iter().filter_map(Percent::from_millionths)
}

/// The figures of the delays of successive attempts that have the same law.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DelayFigures {
    /// The first of these attempts, from 1.
    pub first: u32,
    /// The last of them; [`None`] if all later attempts have the same delays.
    pub last: Option<u32>,
    /// The mean.
    pub mean: Duration,
    /// The shortest delay.
    pub min: Duration,
    /// The values of [`percentiles`], ascending.
    pub percentiles: Vec<(Percent, Duration)>,
    /// The longest delay.
    pub max: Duration,
    /// The share, from 0 to 1, of the law as written that lies outside its ends, and so is never drawn.
    pub beyond: f64,
}

impl DelayFigures {
    /// The figures of all attempts, in order.
    pub fn of(behavior: &Behavior) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for attempt in 1..=behavior.last_attempt() {
            let next = Self::of_attempt(behavior, attempt);
            match all.last_mut() {
                Some(before) if before.is_like(&next) => before.last = Some(attempt),
                _ => all.push(next),
            }
        }
        if let Some(last) = all.last_mut() {
            last.last = None;
        }
        all
    }

    fn of_attempt(behavior: &Behavior, attempt: u32) -> Self {
        let delays = behavior.delays(attempt);
        let (min, max) = delays.ends();
        let percentiles = percentiles()
            .map(|percentile| (percentile, delays.quantile(percentile.fraction())))
            .collect();
        let (mean, beyond) = (delays.mean(), delays.beyond());
        Self { first: attempt, last: Some(attempt), mean, min, percentiles, max, beyond }
    }

    fn is_like(&self, other: &Self) -> bool {
        let (first, last) = (other.first, other.last);
        Self { first, last, ..self.clone() } == *other
    }

    /// Which attempts these are: `attempts 2 to 4`.
    pub fn attempts(&self) -> String {
        let first = self.first;
        match self.last {
            None if first == 1 => "every attempt".to_owned(),
            None => format!("attempt {first} and later"),
            Some(last) if last == first => format!("attempt {first}"),
            Some(last) => format!("attempts {first} to {last}"),
        }
    }
}

/// Prints one figure per line, or the one delay that all calls have. Durations have four digits.
impl fmt::Display for DelayFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            return row(f, "always", self.min);
        }
        row(f, "mean", self.mean)?;
        row(f, "min", self.min)?;
        for (percentile, delay) in &self.percentiles {
            row(f, &format!("p{percentile}"), *delay)?;
        }
        row(f, "max", self.max)?;
        if self.beyond > 0.0 {
            let (beyond, max) = (DisplayShare(self.beyond), text(self.max));
            writeln!(
                f,
                "  {beyond} of the law as written lies outside 0s to {max}, and is never drawn"
            )?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, delay: Duration) -> fmt::Result {
    writeln!(f, "  {name:<8}{}", rounded(delay))
}

/// Prints a behavior: its text, the [`DelayFigures`] of each attempt that differs, its faults, its queue and its
/// stall.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a>(pub &'a Behavior);

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(behavior) = self;
        writeln!(f, "{behavior}")?;
        let all = DelayFigures::of(behavior);
        for figures in &all {
            if all.len() > 1 {
                writeln!(f, "\n{}", figures.attempts())?;
            }
            write!(f, "{figures}")?;
        }
        if !behavior.faults().is_empty() {
            writeln!(f)?;
        }
        for line in fault_lines(behavior) {
            writeln!(f, "  {line}")?;
        }
        for line in [queue_line(behavior), stall_line(behavior)].into_iter().flatten() {
            writeln!(f, "\n{line}")?;
        }
        Ok(())
    }
}

/// What the queue of a behavior does to calls, if it has one.
pub fn queue_line(behavior: &Behavior) -> Option<String> {
    let queue = behavior.queue()?;
    let becomes = if queue.limit() == 0 {
        "is refused".to_owned()
    } else {
        format!("{} for one, or is refused if the queue is full", waits(behavior))
    };
    Some(format!("{queue}: a call that finds all workers busy {becomes}"))
}

/// What the stall of a behavior does to calls, if it has one. Its windows close the queue as well.
pub fn stall_line(behavior: &Behavior) -> Option<String> {
    let stall = behavior.stall()?;
    let waits = waits(behavior);
    let becomes = match behavior.queue().map(Queue::limit) {
        None => format!("{waits} until the window ends"),
        Some(0) => "is refused, because none may stand in the queue".to_owned(),
        Some(_) => {
            format!(
                "{waits} until the window ends and a worker is free, or is refused if the queue is full"
            )
        }
    };
    Some(format!("{stall}: a call that arrives in one of its windows {becomes}"))
}

/// Calls without a delay of their own wait for nothing else.
fn waits(behavior: &Behavior) -> &'static str {
    let has_delays =
        (1..=behavior.last_attempt()).any(|it| !behavior.delays(it).ends().1.is_zero());
    if has_delays { "also waits" } else { "waits" }
}

/// What each fault of a behavior hits: `hang(rest): 80 % of the calls`.
pub fn fault_lines(behavior: &Behavior) -> impl Iterator<Item = String> {
    behavior.faults().shares().map(|(share, clause)| match clause.fault() {
        Fault::FailFirst { attempts: 1, .. } => format!("{clause}: the first attempt of each call"),
        Fault::FailFirst { attempts, .. } => {
            format!("{clause}: the first {attempts} attempts of each call")
        }
        _ => format!("{clause}: {share} % of the calls"),
    })
}

/// Prints a share from 0 to 1 in percent, with two digits that distinguish it from nothing and from all:
/// `1.2 %`, `99.9983 %`.
#[derive(Debug, Clone, Copy)]
pub struct DisplayShare(pub f64);

impl fmt::Display for DisplayShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// A smaller number has more zeros than a reader takes in.
        const LEAST: f64 = 1e-10;
        let percent = self.0 * 100.0;
        let apart = percent.min(100.0 - percent);
        if apart <= 0.0 {
            return write!(f, "{percent:.0} %");
        }
        if percent < LEAST {
            return f.write_str("less than 0.0000000001 %");
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and 11"
        )]
        let decimals = (1.0 - libm::log10(apart.max(LEAST)).floor()).max(0.0) as usize;
        let digits = format!("{percent:.decimals$}");
        let digits =
            if decimals > 0 { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
        write!(f, "{digits} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(text: &str) -> String {
        Explanation(&text.parse().unwrap()).to_string()
    }

    #[test]
    fn shares_keep_two_digits_that_distinguish_them_from_nothing_and_from_all() {
        for (share, text) in [
            (0.0, "0 %"),
            (0.012, "1.2 %"),
            (0.05, "5 %"),
            (0.5, "50 %"),
            (0.012 * 0.012 * 0.012, "0.00017 %"),
            (0.999_983, "99.9983 %"),
            (1e-15, "less than 0.0000000001 %"),
            (1.0, "100 %"),
        ] {
            assert_eq!(DisplayShare(share).to_string(), text);
        }
    }

    #[test]
    fn attempts_with_the_same_delays_are_shown_once() {
        let text = explained("attempts(10ms, 10ms, 20ms)");
        let headings: Vec<_> = text.lines().filter(|line| line.contains("attempt ")).collect();
        assert_eq!(headings, ["attempt 3 and later"]);
        assert!(text.contains("\nattempts 1 to 2\n"), "{text}");
        assert!(!explained("attempts(10ms, 10ms)").contains("\nattempt"));
    }

    #[test]
    fn each_fault_has_its_share() {
        let text = explained("fail_first(2, UNAVAILABLE); fail(1%, 503); hang(rest)");
        assert!(text.contains("fail_first(2, UNAVAILABLE): the first 2 attempts of each call"));
        assert!(text.contains("fail(1%, 503): 1 % of the calls"), "{text}");
        assert!(text.contains("hang(rest): 99 % of the calls"), "{text}");
    }

    /// As the queue itself does: with a limit of 0 none stands, not even while a stall lasts.
    #[test]
    fn a_call_that_may_not_stand_does_not_wait() {
        for (text, lines) in [
            (
                "5ms; queue(workers=1, limit=0); stall(for=1s)",
                [
                    "queue(workers=1, limit=0): a call that finds all workers busy is refused",
                    "stall(for=1s): a call that arrives in one of its windows is refused, because \
                     none may stand in the queue",
                ],
            ),
            (
                "5ms; queue(workers=1, limit=2); stall(for=1s)",
                [
                    "queue(workers=1, limit=2): a call that finds all workers busy also waits for \
                     one, or is refused if the queue is full",
                    "stall(for=1s): a call that arrives in one of its windows also waits until the \
                     window ends and a worker is free, or is refused if the queue is full",
                ],
            ),
            (
                "0s; queue(workers=1, limit=2); stall(for=1s)",
                [
                    "queue(workers=1, limit=2): a call that finds all workers busy waits for one, \
                     or is refused if the queue is full",
                    "stall(for=1s): a call that arrives in one of its windows waits until the \
                     window ends and a worker is free, or is refused if the queue is full",
                ],
            ),
        ] {
            let [queue, stall] = lines;
            let said = explained(text);
            assert!(said.ends_with(&format!("\n{queue}\n\n{stall}\n")), "{said}");
        }
        for (delay, waits) in
            [("0s", "waits"), ("5ms", "also waits"), ("attempts(0s, 5ms)", "also waits")]
        {
            let said = explained(&format!("{delay}; stall(for=1s)"));
            let end = format!(
                ": a call that arrives in one of its windows {waits} until the window ends\n"
            );
            assert!(said.ends_with(&end), "{said}");
        }
    }

    #[test]
    fn the_share_that_is_never_drawn_is_printed() {
        let text = explained("exponential(1s) max 2s");
        assert!(text.contains("  14 % of the law as written lies outside 0s to 2s"), "{text}");
    }
}
