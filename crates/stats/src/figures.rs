//! The figures that are measured of calls. Pure.

use crate::counts::Counts;
use crate::distribution::Distribution;
use crate::texts::TextCounts;

/// The measurements of the calls of a period: an entire run, or one interval of it. Each figure is recorded
/// in the interval in which it became known: the times of a call when it ended, its lag when it was sent.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// How many calls there were, and how they ended.
    pub counts: Counts,
    /// done - sent, of good calls.
    pub service_time: Distribution,
    /// done - sent, of failed calls.
    pub failed_service_time: Distribution,
    /// done - due, of good calls; empty in a closed loop. [`response_time`](Self::response_time) covers all
    /// calls that were due.
    pub good_response_time: Distribution,
    /// sent - due, of all calls that were sent; empty in a closed loop.
    pub lag: Distribution,
    /// service time - waited, if the server reported how long it waited and applied no fault.
    pub added: Distribution,
    /// waited - queued - planned, of answered calls, as the server reports them.
    pub lateness: Distribution,
    /// The delay that the server reports to have drawn for a call.
    pub planned: Distribution,
    /// How long the server reports to have waited.
    pub waited: Distribution,
    /// How long, as the server reports, a call was in its simulated queue.
    pub queued: Distribution,
    /// The clauses of the planned faults that hit calls, as far as the server reports them: calls that were
    /// reset, or were never answered, have no report.
    pub faults: TextCounts,
}

/// The figures that are distributions. Exhaustive, except for figures that may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Figure {
    /// [`Figures::service_time`].
    ServiceTime,
    /// [`Figures::failed_service_time`].
    FailedServiceTime,
    /// [`Figures::good_response_time`].
    ResponseTime,
    /// [`Figures::lag`].
    Lag,
    /// [`Figures::added`].
    Added,
    /// [`Figures::lateness`].
    Lateness,
    /// [`Figures::planned`].
    Planned,
    /// [`Figures::waited`].
    Waited,
    /// [`Figures::queued`].
    Queued,
}

impl Figure {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 9] = [
        Self::ServiceTime,
        Self::FailedServiceTime,
        Self::ResponseTime,
        Self::Lag,
        Self::Added,
        Self::Lateness,
        Self::Planned,
        Self::Waited,
        Self::Queued,
    ];

    /// Its name in records and logs: `service_time`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServiceTime => "service_time",
            Self::FailedServiceTime => "failed_service_time",
            Self::ResponseTime => "response_time",
            Self::Lag => "lag",
            Self::Added => "added",
            Self::Lateness => "lateness",
            Self::Planned => "planned",
            Self::Waited => "waited",
            Self::Queued => "queued",
        }
    }
}

impl Figures {
    /// One of the distributions.
    pub fn get(&self, figure: Figure) -> &Distribution {
        match figure {
            Figure::ServiceTime => &self.service_time,
            Figure::FailedServiceTime => &self.failed_service_time,
            Figure::ResponseTime => &self.good_response_time,
            Figure::Lag => &self.lag,
            Figure::Added => &self.added,
            Figure::Lateness => &self.lateness,
            Figure::Planned => &self.planned,
            Figure::Waited => &self.waited,
            Figure::Queued => &self.queued,
        }
    }

    /// The same, mutably.
    pub(crate) fn get_mut(&mut self, figure: Figure) -> &mut Distribution {
        match figure {
            Figure::ServiceTime => &mut self.service_time,
            Figure::FailedServiceTime => &mut self.failed_service_time,
            Figure::ResponseTime => &mut self.good_response_time,
            Figure::Lag => &mut self.lag,
            Figure::Added => &mut self.added,
            Figure::Lateness => &mut self.lateness,
            Figure::Planned => &mut self.planned,
            Figure::Waited => &mut self.waited,
            Figure::Queued => &mut self.queued,
        }
    }

    /// done - due, of all calls that were due: a call that was not sent, has not ended or was not good is
    /// slower than any good one.
    pub fn response_time(&self) -> Distribution {
        let mut all = self.good_response_time.clone();
        all.add_beyond(self.counts.without_answer());
        all
    }

    /// Adds everything that another has recorded.
    pub fn merge(&mut self, other: &Self) {
        self.counts += other.counts;
        self.faults.merge(&other.faults);
        for figure in Figure::ALL {
            self.get_mut(figure).merge(other.get(figure));
        }
    }

    /// Forgets everything, and allocates nothing.
    pub fn clear(&mut self) {
        self.counts = Counts::default();
        self.faults.clear();
        for figure in Figure::ALL {
            self.get_mut(figure).clear();
        }
    }
}
