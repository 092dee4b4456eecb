//! Figures for tests.

use crate::figures::Figures;
use crate::not_sent::NotSentReason;
use crate::status_code::StatusCode;

/// Figures of an open loop whose good calls had these service times and were each sent `lag_ns` after they
/// were due.
pub(crate) fn good(service_times_ns: impl IntoIterator<Item = i64>, lag_ns: i64) -> Figures {
    let mut figures = Figures::default();
    for service_time_ns in service_times_ns {
        figures.service_time.record(service_time_ns);
        figures.good_response_time.record(service_time_ns + lag_ns);
        figures.lag.record(lag_ns);
        figures.counts.statuses[StatusCode::OK.index()] += 1;
        figures.counts.good += 1;
        figures.counts.sent += 1;
    }
    figures
}

impl Figures {
    /// With the given number of failed calls of 1 ns.
    pub(crate) fn and_failed(mut self, count: u64) -> Self {
        for _ in 0..count {
            self.failed_service_time.record(1);
        }
        self.counts.statuses[StatusCode::UNKNOWN.index()] += count;
        self.counts.sent += count;
        self
    }

    /// With the given number of calls that were not sent.
    pub(crate) fn and_not_sent(mut self, why: NotSentReason, count: u64) -> Self {
        self.counts.not_sent[why] += count;
        self
    }
}
