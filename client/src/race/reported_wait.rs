//! The wait that a server reports for a call of a race.

use std::time::Duration;

use crate::race::outcome::CallEnd;
use http::HeaderMap;
use longsync::v1::Timing;
use longsync_connect::timing::{is_plausible, plausible};

/// The times that a server reports, without implausible ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ReportedWait {
    pub(super) planned: Option<Duration>,
    pub(super) waited: Option<Duration>,
}

impl ReportedWait {
    /// Whether both times were reported, as every answer of longsync does.
    pub(super) fn is_whole(self) -> bool {
        self.planned.is_some() && self.waited.is_some()
    }

    /// The end of a call that was answered at `done`.
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
    /// From `server-timing`, whose resolution is a microsecond at best.
    fn from(headers: &HeaderMap) -> Self {
        // Proxies may add `server-timing` headers, each of which is a list too.
        let timings = headers.get_all("server-timing");
        let find =
            |name| timings.iter().find_map(|value| of_server_timing(value.to_str().ok()?, name));
        Self { planned: find("planned"), waited: find("waited") }
    }
}

/// One metric of a header such as `planned;dur=250.000, waited;dur=250.313`, in which times are in
/// milliseconds.
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
    fn a_metric_is_parsed_from_server_timing() {
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
