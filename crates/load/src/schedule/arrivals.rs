//! By which law calls arrive.

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
