//! The times for which a limit can be set.

use crate::distribution::Distribution;
use crate::figures::Figures;
use crate::run_loop::Loop;

/// A time that each call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallTime {
    /// done - due, of all calls that were due.
    Response,
    /// done - sent, of good calls.
    Service,
    /// service time - waited.
    Added,
    /// sent - due.
    Lag,
}

impl CallTime {
    pub(crate) const ALL: [Self; 4] = [Self::Response, Self::Service, Self::Added, Self::Lag];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Service => "service",
            Self::Added => "added",
            Self::Lag => "lag",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == text)
    }

    /// The time that is meant: if none is named, the one that a caller feels in this kind of loop.
    pub(crate) fn meant(said: Option<Self>, kind: Loop) -> Self {
        said.unwrap_or(match kind {
            Loop::Open => Self::Response,
            Loop::Closed => Self::Service,
        })
    }

    /// Adds the measurements of it; calls without a good answer are slower than any response time.
    pub(crate) fn add_to(self, times: &mut Distribution, figures: &Figures) {
        match self {
            Self::Response => {
                times.merge(&figures.good_response_time);
                times.add_beyond(figures.counts.without_answer());
            }
            Self::Service => times.merge(&figures.service_time),
            Self::Added => times.merge(&figures.added),
            Self::Lag => times.merge(&figures.lag),
        }
    }
}
