//! The delays of a race's calls. Pure.

use std::time::Duration;

use longsync_behavior::{
    Behavior, CallName, DEFAULT_MOST, DrawKey, FaultClause, FaultMoment, ParseBehaviorError, Rules,
};
use longsync_text::duration::LONGEST;

/// The delays of a race's calls. Every way gets the same ones, so that ways can be compared. The list of
/// forms is complete, so the enum is exhaustive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RaceDelays {
    /// The same for all calls.
    Constant(Duration),
    /// Spread evenly between half and one and a half of this.
    Jittered(Duration),
    /// Drawn by the server, for each call by its id: `call-1`, `call-2` and so on, the same in each way. For
    /// messages of an exchange, the draw also depends on their position in the stream.
    Drawn {
        /// The behavior that the server is asked for.
        behavior: Behavior,
        /// The server's seed. [`None`]: the seed of a remote server is not known.
        seed: Option<u64>,
    },
}

/// What a call asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CallRequest {
    /// The delay; [`None`] if there is a behavior.
    pub(super) delay: Option<Duration>,
    pub(super) behavior: String,
    pub(super) call_id: String,
}

impl RaceDelays {
    /// Delays drawn by the behavior in `text`, with an unknown seed. How long delays may be, a server decides:
    /// a behavior that is over the default limit is read without one. It may have faults which only the server
    /// inside this process can be asked for, `goaway` and `drop`.
    ///
    /// # Errors
    /// When `text` is not a behavior, or not one that the server of a race can have.
    pub fn drawn(text: &str) -> Result<Self, ParseBehaviorError> {
        let behavior = read(text, DEFAULT_MOST).or_else(|_| read(text, LONGEST))?;
        Ok(Self::Drawn { behavior, seed: None })
    }

    /// Checks whether callers may ask for them.
    ///
    /// # Errors
    /// If only the operator of a server may.
    pub(super) fn check_for_callers(&self) -> Result<(), ParseBehaviorError> {
        match self {
            Self::Constant(_) | Self::Jittered(_) => Ok(()),
            Self::Drawn { behavior, .. } => {
                Behavior::read(behavior.text(), &Rules::caller(self.limit())).map(drop)
            }
        }
    }

    /// The behavior, if it has faults.
    pub(super) fn faulty(&self) -> Option<&Behavior> {
        match self {
            Self::Drawn { behavior, .. } if !behavior.faults().is_empty() => Some(behavior),
            _ => None,
        }
    }

    /// The limit that a server must have to allow them. Each part of a behavior must be within it, even one
    /// that is never drawn.
    pub(super) fn limit(&self) -> Duration {
        match self {
            Self::Constant(_) | Self::Jittered(_) => self.longest(),
            Self::Drawn { behavior, .. } => {
                let is_default = read(behavior.text(), DEFAULT_MOST).is_ok();
                if is_default { DEFAULT_MOST } else { LONGEST }
            }
        }
    }

    /// The mean of the delays; of drawn delays, the mean of their distribution.
    pub fn mean(&self) -> Duration {
        match self {
            Self::Constant(delay) | Self::Jittered(delay) => *delay,
            Self::Drawn { behavior, .. } => behavior.delays(1).mean(),
        }
    }

    /// The longest that any of them may be.
    pub fn longest(&self) -> Duration {
        match self {
            Self::Constant(delay) => *delay,
            Self::Jittered(mean) => mean.saturating_add(*mean / 2),
            Self::Drawn { behavior, .. } => behavior.delays(1).ends().1,
        }
    }

    /// The delay of the call with this index, or its expected value: the mean, if it is drawn by an unknown
    /// seed.
    pub fn of(&self, index: usize) -> Duration {
        self.known(index).unwrap_or_else(|| self.mean())
    }

    /// The delay of the call with this index; [`None`] if it is drawn by an unknown seed. It does not apply
    /// to drawn messages of an exchange.
    ///
    /// The fractional parts of multiples of the golden ratio fill the range from 0 to 1 more evenly than random
    /// numbers do (Knuth, The Art of Computer Programming, volume 3, section 6.4), and are the same in every
    /// run.
    pub fn known(&self, index: usize) -> Option<Duration> {
        match self {
            Self::Constant(delay) => Some(*delay),
            Self::Jittered(mean) => {
                // 2^64 divided by the golden ratio; the product's low half is the fraction.
                let fraction = (index as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let spread = (mean.as_nanos() * u128::from(fraction)) >> 64;
                Some(*mean / 2 + Duration::from_nanos(u64::try_from(spread).unwrap_or(u64::MAX)))
            }
            Self::Drawn { behavior, seed } => {
                let seed = (*seed)?;
                if self.fault(index).is_some_and(is_before) {
                    return Some(Duration::ZERO);
                }
                let id = call_id(index);
                let name = CallName::Id(&id);
                Some(behavior.draw(&DrawKey { seed, name, attempt: 1, index: 0 }))
            }
        }
    }

    /// The sum of the delays of the given number of calls; the mean stands in for an unknown delay.
    pub fn sum(&self, calls: usize) -> Duration {
        match self {
            Self::Constant(delay) => delay.saturating_mul(u32::try_from(calls).unwrap_or(u32::MAX)),
            Self::Drawn { seed: None, .. } => {
                self.mean().saturating_mul(u32::try_from(calls).unwrap_or(u32::MAX))
            }
            Self::Jittered(_) | Self::Drawn { .. } => {
                (0..calls).fold(Duration::ZERO, |sum, index| sum.saturating_add(self.of(index)))
            }
        }
    }

    /// The seed by which they are drawn, if it is known.
    pub fn seed(&self) -> Option<u64> {
        match self {
            Self::Constant(_) | Self::Jittered(_) => None,
            Self::Drawn { seed, .. } => *seed,
        }
    }

    /// Whether delays may differ, so that answers can overtake one another.
    pub fn vary(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Jittered(_) => true,
            Self::Drawn { behavior, .. } => {
                let (least, greatest) = behavior.delays(1).ends();
                least < greatest
            }
        }
    }

    /// The request of the call with this index.
    pub(super) fn asked(&self, index: usize) -> CallRequest {
        match self {
            Self::Constant(_) | Self::Jittered(_) => {
                CallRequest { delay: self.known(index), ..CallRequest::default() }
            }
            Self::Drawn { behavior, .. } => CallRequest {
                delay: None,
                behavior: behavior.text().to_owned(),
                call_id: call_id(index),
            },
        }
    }
}

/// Reads a behavior with delays up to `most`, as callers may ask for it or, if only a fault stands in the way,
/// as the operator of a server may.
fn read(text: &str, most: Duration) -> Result<Behavior, ParseBehaviorError> {
    Behavior::read(text, &Rules::caller(most)).or_else(|why| {
        let of_operator = Behavior::read(text, &Rules::default().most(most)).ok();
        of_operator
            .filter(|behavior| behavior.queue().is_none() && behavior.stall().is_none())
            .ok_or(why)
    })
}

/// The id by which the server draws, the same in each of the ways.
pub(super) fn call_id(index: usize) -> String {
    format!("call-{}", index + 1)
}

/// Whether it comes without the delay.
fn is_before(clause: &FaultClause) -> bool {
    !clause.is_answered() && clause.moment() == FaultMoment::Before
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A jittered delay is between half and one and a half of its mean.
        #[test]
        fn jitter_stays_within_its_range(mean in 0_u64..4_000_000_000_000, index in any::<usize>()) {
            let mean = Duration::from_nanos(mean);
            let delay = RaceDelays::Jittered(mean).of(index);
            prop_assert!(delay >= mean / 2 && delay <= mean + mean / 2, "{:?} of {:?}", delay, mean);
        }
    }

    #[test]
    fn jitter_is_spread_evenly_and_keeps_the_mean() {
        let delays = RaceDelays::Jittered(Duration::from_secs(1));
        let mut quarters = [0; 4];
        for index in 0..1_000 {
            let quarter = (delays.of(index).as_millis() - 500) / 250;
            quarters[usize::try_from(quarter).unwrap().min(3)] += 1;
        }
        assert!(quarters.iter().all(|count| (245..=255).contains(count)), "{quarters:?}");
        let mean = delays.sum(1_000) / 1_000;
        assert!(mean.abs_diff(delays.mean()) < Duration::from_millis(2), "{mean:?}");
    }

    #[test]
    fn a_constant_is_the_same_for_all() {
        let delays = RaceDelays::Constant(Duration::from_millis(7));
        assert_eq!(delays.of(0), delays.of(12_345));
        assert_eq!(delays.sum(1_000), Duration::from_secs(7));
        assert_eq!(delays.longest(), delays.mean());
        assert!(!delays.vary());
    }

    fn drawn(seed: Option<u64>) -> RaceDelays {
        let behavior = "lognormal(p50=200ms, p99=2s)".parse().unwrap();
        RaceDelays::Drawn { behavior, seed }
    }

    #[test]
    fn drawn_delays_are_known_if_their_seed_is() {
        let (delays, same) = (drawn(Some(42)), drawn(Some(42)));
        assert!((0..20).all(|index| delays.known(index) == same.known(index)));
        assert_ne!(delays.known(0), delays.known(1));
        assert_ne!(delays.known(0), drawn(Some(43)).known(0));
        let all: Vec<_> = (0..20).map(|index| delays.of(index)).collect();
        assert!(all.iter().all(|delay| *delay <= delays.longest()));
        assert_eq!(delays.sum(20), all.iter().sum());

        let unknown = drawn(None);
        assert_eq!(unknown.known(0), None);
        assert_eq!(unknown.of(0), unknown.mean());
        assert_eq!(unknown.longest(), Duration::from_secs(3_600));
        assert_eq!(unknown.sum(20), unknown.mean() * 20);
    }

    #[test]
    fn a_behavior_over_the_default_limit_is_one_as_well() {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        for (text, longest, limit) in [
            ("250ms", Duration::from_millis(250), DEFAULT_MOST),
            ("exponential(1s)", DEFAULT_MOST, DEFAULT_MOST),
            ("2h", hours(2), LONGEST),
            ("uniform(1s, 3h)", hours(3), LONGEST),
            ("exponential(2h) max 10h", hours(10), LONGEST),
            ("attempts(1s, 3h)", Duration::from_secs(1), LONGEST),
        ] {
            let delays = RaceDelays::drawn(text).unwrap();
            assert_eq!((delays.longest(), delays.limit()), (longest, limit), "{text}");
            assert_eq!(delays.asked(0).behavior, text);
        }
        for (wrong, why) in [
            ("", "an empty text is not a behavior"),
            ("366d", "longer than a year"),
            ("queue(workers=1, limit=0)", "only the server's own --behavior may"),
            ("stall(for=1s)", "only the server's own --behavior may"),
            ("drop(1%); replay(\"a.csv\")", "only the server's own --behavior may"),
        ] {
            let refused = RaceDelays::drawn(wrong).unwrap_err().to_string();
            assert!(refused.contains(why), "{wrong}: {refused}");
        }
    }

    #[test]
    fn only_the_server_inside_this_process_ends_connections() {
        for text in ["2h; goaway(1%)", "1ms; drop(1%)", "goaway(1%, CANCEL)"] {
            let delays = RaceDelays::drawn(text).unwrap();
            let refused = delays.check_for_callers().unwrap_err().to_string();
            assert!(refused.contains("only the server's own --behavior may"), "{text}: {refused}");
        }
        for text in ["2h", "fail(1%, ABORTED)", "2h; reset(1%); hang(1%)"] {
            assert!(RaceDelays::drawn(text).unwrap().check_for_callers().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_fault_that_comes_before_the_delay_leaves_none() {
        let of = |text: &str| {
            RaceDelays::Drawn { behavior: text.parse().unwrap(), seed: Some(1) }.known(0)
        };
        assert_eq!(of("1s; fail(100%, ABORTED, when=before)"), Some(Duration::ZERO));
        assert_eq!(of("1s; reset(100%, when=before)"), Some(Duration::ZERO));
        assert_eq!(of("1s; fail(100%, ABORTED)"), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_behavior_with_one_possible_delay_does_not_vary() {
        let of = |text: &str| RaceDelays::Drawn { behavior: text.parse().unwrap(), seed: Some(1) };
        assert!(!of("250ms").vary());
        assert!(of("uniform(1ms, 2ms)").vary() && of("mix(1%: 1s, rest: 0s)").vary());
    }

    #[test]
    fn a_call_asks_for_its_delay_or_for_a_behavior_under_its_id() {
        let asked = RaceDelays::Constant(Duration::from_millis(7)).asked(3);
        assert_eq!(
            asked,
            CallRequest { delay: Some(Duration::from_millis(7)), ..CallRequest::default() }
        );
        let asked = drawn(None).asked(3);
        assert_eq!((asked.delay, asked.call_id.as_str()), (None, "call-4"));
        assert_eq!(asked.behavior, "lognormal(p50=200ms, p99=2s)");
    }
}
