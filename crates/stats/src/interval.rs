//! The figures of one piece of a run's time.

use std::time::Duration;

use crate::counts::Counts;
use crate::distribution::Distribution;
use crate::figures::{Figure, Figures};

/// The figures of one piece of a run's time, which is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// When it began, from the end of the warm-up on.
    pub start: Duration,
    /// How long it was.
    pub length: Duration,
    /// How many calls were due in it; in a closed loop, how many were sent.
    pub due: u64,
    /// How many recorded calls were in flight when it ended.
    pub in_flight: u64,
    /// What became of calls in it.
    pub counts: Counts,
    figures: Box<Figures>,
}

impl Interval {
    /// Keeps the figures of a time that is over.
    pub fn new(
        start: Duration,
        length: Duration,
        due: u64,
        in_flight: u64,
        figures: &Figures,
    ) -> Self {
        let (counts, figures) = (figures.counts, Box::new(figures.clone()));
        Self { start, length, due, in_flight, counts, figures }
    }

    /// One of its distributions.
    pub fn distribution(&self, figure: Figure) -> Distribution {
        self.figures.get(figure).clone()
    }

    /// Adds the interval that follows.
    pub fn absorb(&mut self, next: &Self) {
        self.length += next.length;
        self.due += next.due;
        self.in_flight = next.in_flight;
        self.counts += next.counts;
        self.figures.merge(&next.figures);
    }
}
