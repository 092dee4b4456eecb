//! By which law calls arrive, in words.

use std::fmt;
use std::str::FromStr;

use longsync_text::quoted;

use super::not_a_schedule::NotASchedule;

/// By which law calls arrive, given the rate over time.
///
/// Call n, from 0, is due when the integral of the rate reaches x: at the least time after which it is greater
/// than x, rounded down to a nanosecond. So no call is due while the rate is 0, or once a profile has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arrivals {
    /// x = n: at equal distances, if the rate stays. The first is due at once.
    #[default]
    Constant,
    /// x is the sum of n + 1 independent exponential numbers with mean 1: a Poisson process. So callers arrive
    /// who know nothing of one another.
    Poisson,
    /// x = n + u, u evenly from 0 to 1: each call at a random moment of a slot of its own.
    Uniform,
}

const NAMES: [(Arrivals, &str); 3] = [
    (Arrivals::Constant, "constant"),
    (Arrivals::Poisson, "poisson"),
    (Arrivals::Uniform, "uniform"),
];

impl FromStr for Arrivals {
    type Err = NotASchedule;

    /// Reads `constant`, `poisson` or `uniform`.
    ///
    /// # Errors
    /// When `text` is none of them.
    fn from_str(text: &str) -> Result<Self, NotASchedule> {
        let known = NAMES.iter().find(|(_, name)| *name == text.trim());
        known.map(|(arrivals, _)| *arrivals).ok_or_else(|| {
            let why = "write constant, poisson or uniform";
            NotASchedule::new(format!("{} is not a law by which calls arrive: {why}", quoted(text)))
        })
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(arrivals, _)| arrivals == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}
