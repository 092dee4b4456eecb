//! What a server tells of the wait of a call of a race.

use std::time::Duration;

use crate::race::outcome::CallEnd;
use http::HeaderMap;
use longsync::v1::Timing;
use longsync_connect::timing::{is_plausible, plausible};

/// What a server tells of a wait, as far as it can be true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ReportedWait {
    pub(super) planned: Option<Duration>,
    pub(super) waited: Option<Duration>,
}

impl ReportedWait {
    /// The end of a call that was answered by `done`.
    pub(super) fn at(self, done: Duration) -> CallEnd {
        CallEnd::Answered { done, planned: self.planned, waited: self.waited }
    }
}

impl From<Option<&Timing>> for ReportedWait {
    fn from(timing: Option<&Timing>) -> Self {
        Self {
            planned: plausible(timing.and_then(|timing| timing.planned.as_ref())),
            waited: plausible(timing.and_then(|timing| timing.waited.as_ref())),
        }
    }
}

impl From<&HeaderMap> for ReportedWait {
    /// Of `server-timing`, which has microseconds at best.
    fn from(headers: &HeaderMap) -> Self {
        // Proxies add headers of their own, each a list like ours.
        let timings = headers.get_all("server-timing");
        let find =
            |name| timings.iter().find_map(|value| of_server_timing(value.to_str().ok()?, name));
        Self { planned: find("planned"), waited: find("waited") }
    }
}

/// One metric of a header such as `planned;dur=250.000, waited;dur=250.313`, which is in milliseconds.
fn of_server_timing(value: &str, name: &str) -> Option<Duration> {
    let figure = value.split(',').find_map(|metric| {
        let mut parts = metric.split(';').map(str::trim);
        let is_such = parts.next() == Some(name);
        parts.find_map(|part| part.strip_prefix("dur=")).filter(|_| is_such)
    })?;
    Duration::try_from_secs_f64(figure.parse::<f64>().ok()? / 1e3).ok().filter(is_plausible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_read_out_of_server_timing() {
        let value = "planned;dur=250.000, waited;dur=250.313, queued;dur=0.000";
        assert_eq!(of_server_timing(value, "waited"), Some(Duration::from_micros(250_313)));
        assert_eq!(of_server_timing(value, "planned"), Some(Duration::from_millis(250)));
        let waited = |value| of_server_timing(value, "waited");
        assert_eq!(waited("cdn, waited ; desc=x; dur=5"), Some(Duration::from_millis(5)));
        for other in [
            "",
            "waited",
            "waited;dur=",
            "waited;dur=-1",
            "unwaited;dur=1",
            "waited;dur=inf",
            "waited;dur=1e15",
        ] {
            assert_eq!(waited(other), None, "{other}");
        }
    }
}
