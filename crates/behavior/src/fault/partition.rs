//! The faults of a behavior: which of them hits a call.

use std::sync::Arc;

use longsync_text::Percent;

use super::{Fault, FaultClause};
use crate::written::WrittenShare;

/// The faults of a behavior, in written order.
///
/// Their shares partition one number, so each share means what it says: `fail(20%, ...); reset(30%)` leaves
/// half of the calls alone. `fail_first` has no share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Box<[Part]>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// Shared with the calls that it hits.
    clause: Arc<FaultClause>,
    /// The sum of the shares up to and including this one.
    end: Percent,
}

/// Why shares do not make a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SharesError {
    /// With the clause at this position, the shares add up to this, in millionths of a percent.
    Over { index: usize, millionths: u64 },
    /// Nothing is left for the clause at this position.
    NothingLeft(usize),
    /// The clause at this position is a second `rest`.
    SecondRest(usize),
}

impl Faults {
    pub(crate) fn new(clauses: Vec<FaultClause>) -> Result<Self, SharesError> {
        let rest = rest(&clauses)?;
        let mut end = Percent::NONE;
        let parts = clauses.into_iter().map(|clause| {
            let share = match clause.share {
                Some(WrittenShare::Of(share)) => share,
                Some(WrittenShare::Rest) => rest,
                None => Percent::NONE,
            };
            end = end.checked_add(share).unwrap_or(Percent::ALL);
            Part { clause: Arc::new(clause), end }
        });
        Ok(Self(parts.collect()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The clauses, in written order.
    pub fn clauses(&self) -> impl Iterator<Item = &FaultClause> {
        self.0.iter().map(|part| &*part.clause)
    }

    /// The share of the calls that a clause hits, of those that no `fail_first` does, and the clause.
    pub fn shares(&self) -> impl Iterator<Item = (Percent, &FaultClause)> {
        let mut before = Percent::NONE;
        self.0.iter().map(move |Part { clause, end }| {
            let share = end.millionths() - before.millionths();
            before = *end;
            (Percent::from_millionths(share).unwrap_or_default(), &**clause)
        })
    }

    /// The clause into whose share `u`, between 0 and 1, falls.
    pub(crate) fn draw(&self, u: f64) -> Option<&Arc<FaultClause>> {
        self.0.iter().find(|part| u < part.end.fraction()).map(|part| &part.clause)
    }

    /// The first `fail_first` that an attempt does not get past. `attempt` tells which attempt of a call
    /// this is, as far as a clause is concerned: the attempt that the call itself states, or how often that
    /// clause has [seen](crate::SeenCalls) the call. It is asked about each of these clauses once, even if it is
    /// written twice.
    pub fn first_failure(
        &self,
        mut attempt: impl FnMut(&FaultClause) -> u32,
    ) -> Option<&Arc<FaultClause>> {
        let mut first = None;
        for (index, Part { clause, .. }) in self.0.iter().enumerate() {
            let Fault::FailFirst { attempts, .. } = clause.fault else { continue };
            if self.0[..index].iter().any(|before| before.clause == *clause) {
                continue;
            }
            if attempt(clause) <= attempts && first.is_none() {
                first = Some(clause);
            }
        }
        first
    }
}

/// The share that the others leave, if all of them together have at most 100 %.
fn rest(clauses: &[FaultClause]) -> Result<Percent, SharesError> {
    let all = u64::from(Percent::ALL.millionths());
    let (mut millionths, mut rest) = (0, None);
    for (index, clause) in clauses.iter().enumerate() {
        match clause.share {
            Some(WrittenShare::Of(share)) => millionths += u64::from(share.millionths()),
            Some(WrittenShare::Rest) if rest.is_some() => {
                return Err(SharesError::SecondRest(index));
            }
            Some(WrittenShare::Rest) => rest = Some(index),
            None => {}
        }
        if millionths > all {
            return Err(SharesError::Over { index, millionths });
        }
    }
    match rest {
        Some(index) if millionths == all => Err(SharesError::NothingLeft(index)),
        _ => {
            let left = u32::try_from(all - millionths).ok().and_then(Percent::from_millionths);
            Ok(left.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use crate::{Behavior, CallName, DrawKey};

    fn behavior(text: &str) -> Behavior {
        text.parse().unwrap()
    }

    /// How many of 100,000 calls each clause hits.
    fn hits(text: &str) -> HashMap<String, u32> {
        let (behavior, mut hits) = (behavior(text), HashMap::new());
        for index in 0..100_000 {
            let key = DrawKey { seed: 17, name: CallName::Id("share"), attempt: 1, index };
            if let (_, Some(clause)) = behavior.draw_with_fault(&key) {
                *hits.entry(clause.to_string()).or_default() += 1;
            }
        }
        hits
    }

    /// The bounds are the binomial 99.9 % intervals of 100,000 calls (`SciPy` 1.17.1, `binom.interval`).
    #[test]
    fn what_is_written_is_what_comes_out() {
        let text =
            "5ms; fail(1%, UNAVAILABLE); reset(20%); slow(0%, 1B/s); hang(rest, at=2); drop(10%)";
        let hits = hits(text);
        for (clause, bounds) in [
            ("fail(1%, UNAVAILABLE)", 898..=1_105),
            ("reset(20%)", 19_585..=20_417),
            ("hang(rest, at=2)", 68_518..=69_481),
            ("drop(10%)", 9_689..=10_313),
        ] {
            assert!(bounds.contains(&hits[clause]), "{clause}: {}", hits[clause]);
        }
        assert_eq!(hits.values().sum::<u32>(), 100_000);
        assert_eq!(hits.len(), 4);
    }

    #[test]
    fn faults_do_not_move_the_delays() {
        let plain = behavior("exponential(10ms)");
        let faulty = behavior("exponential(10ms); hang(50%); fail(30%, 503)");
        for index in 0..1_000 {
            let key = DrawKey { seed: 1, name: CallName::Id("x"), attempt: 1, index };
            assert_eq!(plain.draw(&key), faulty.draw_with_fault(&key).0);
        }
    }

    #[test]
    fn a_first_failure_is_of_the_attempts_up_to_its_number() {
        let behavior =
            behavior("fail_first(2, ABORTED); fail_first(3, 503); fail_first(2, ABORTED)");
        let mut asked = 0;
        let first = [1, 2, 3, 4].map(|attempt| {
            let hit = behavior.faults().first_failure(|_| {
                asked += 1;
                attempt
            });
            hit.map(ToString::to_string)
        });
        let [aborted, busy] = ["fail_first(2, ABORTED)", "fail_first(3, 503)"].map(str::to_owned);
        assert_eq!(first, [Some(aborted.clone()), Some(aborted), Some(busy), None]);
        assert_eq!(asked, 8, "each distinct clause is asked about once per call");
    }
}
