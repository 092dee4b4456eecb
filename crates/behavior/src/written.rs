//! A delay as it is written, before it is known whether it can be.

use std::time::Duration;

use longsync_text::Percent;

/// A delay as it is written.
#[derive(Debug)]
pub(crate) struct WrittenDelay {
    /// The byte at which it begins.
    pub(crate) at: usize,
    pub(crate) form: DelaySyntax,
    /// Where each of its parameters begins; what has none there begins where the delay does.
    pub(crate) places: Vec<usize>,
    /// Its own `max`, and where that stands.
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
    /// What the others leave.
    Rest,
}
