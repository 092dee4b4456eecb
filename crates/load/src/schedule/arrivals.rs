//! The laws by which calls arrive.

/// The law by which calls arrive, given the rate over time.
///
/// Call n, counted from 0, is due when the integral of the rate reaches x: at the earliest time after which
/// the integral is greater than x, rounded down to a nanosecond. So no call is due while the rate is 0, or
/// once a profile has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arrivals {
    /// x = n: at equal intervals while the rate is constant. The first call is due at once.
    #[default]
    Constant,
    /// x is the sum of n + 1 independent exponential numbers with mean 1: a Poisson process. This is how
    /// callers arrive who know nothing of one another.
    Poisson,
    /// x = n + u, with u uniform between 0 and 1: each call at a random time within its own slot.
    Uniform,
}
