//! A delay as it is written, before it is checked.

use std::time::Duration;

use longsync_text::Percent;

/// A delay as it is written.
#[derive(Debug)]
pub(crate) struct WrittenDelay {
    /// The byte at which it begins.
    pub(crate) at: usize,
    pub(crate) form: DelaySyntax,
    /// The byte at which each of its parameters begins; for a position without a parameter, the byte at which
    /// the delay begins.
    pub(crate) places: Vec<usize>,
    /// Its own `max`, and the byte at which it begins.
    pub(crate) max: Option<(usize, Duration)>,
}

#[derive(Debug)]
pub(crate) enum DelaySyntax {
    Constant(Duration),
    Uniform(Duration, Duration),
    Normal(Duration, Duration),
    Exponential(Duration),
    Pareto(Duration, f64),
    Lognormal([(Percent, Duration); 2]),
    LognormalOfSigma(Duration, f64),
    Percentiles(Vec<(Percent, Duration)>),
    Mix(Vec<(WrittenShare, WrittenDelay)>),
    Attempts(Vec<WrittenDelay>),
    Replay(String),
}

/// The share of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrittenShare {
    Of(Percent),
    /// The share that the others leave.
    Rest,
}
