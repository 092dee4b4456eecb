//! What a server reports of a call of a race.

use std::time::Duration;

use crate::race::kept_text::kept;
use crate::race::server_timing::parameter;
use http::HeaderMap;
use longsync::v1::Timing;
use longsync_connect::timing::{is_plausible, plausible};

/// What a server reports of a call, without implausible times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedWait {
    /// The delay that it planned.
    pub planned: Option<Duration>,
    /// How long it waited.
    pub waited: Option<Duration>,
    /// The planned fault that it applied, as the clause of a behavior.
    pub fault: Option<Box<str>>,
}

impl ReportedWait {
    /// Whether both times were reported, as every answer of longsync does.
    pub(super) fn is_whole(&self) -> bool {
        self.planned.is_some() && self.waited.is_some()
    }

    /// In little memory, because most failures report nothing.
    pub(super) fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

/// The clause of a fault, if there is one.
fn clause(fault: &str) -> Option<Box<str>> {
    (!fault.is_empty()).then(|| kept(fault).into_boxed_str())
}

impl From<Option<&Timing>> for ReportedWait {
    fn from(timing: Option<&Timing>) -> Self {
        Self {
            planned: plausible(timing.and_then(|timing| timing.planned.as_ref())),
            waited: plausible(timing.and_then(|timing| timing.waited.as_ref())),
            fault: timing.and_then(|timing| clause(&timing.fault)),
        }
    }
}

impl From<&HeaderMap> for ReportedWait {
    /// From `server-timing`, whose resolution is a microsecond at best.
    fn from(headers: &HeaderMap) -> Self {
        // Proxies may add `server-timing` headers, each of which is a list too.
        let timings = || headers.get_all("server-timing").iter().filter_map(|it| it.to_str().ok());
        let find = |metric| timings().find_map(|value| duration(value, metric));
        let fault = timings().find_map(|value| parameter(value, "fault", "desc"));
        Self {
            planned: find("planned"),
            waited: find("waited"),
            fault: fault.and_then(|fault| clause(&fault)),
        }
    }
}

/// One metric of a header such as `planned;dur=250.000, waited;dur=250.313`, in which times are in
/// milliseconds.
fn duration(value: &str, metric: &str) -> Option<Duration> {
    let millis = parameter(value, metric, "dur")?.parse::<f64>().ok()?;
    Duration::try_from_secs_f64(millis / 1e3).ok().filter(is_plausible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_parsed_from_server_timing() {
        let value = "planned;dur=250.000, waited;dur=250.313, queued;dur=0.000";
        assert_eq!(duration(value, "waited"), Some(Duration::from_micros(250_313)));
        assert_eq!(duration(value, "planned"), Some(Duration::from_millis(250)));
        let waited = |value| duration(value, "waited");
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

    #[test]
    fn a_fault_is_the_description_of_its_metric() {
        let mut headers = HeaderMap::new();
        headers.insert("server-timing", "cdn;dur=1".parse().unwrap());
        let ours = r#"waited;dur=5.000, fault;desc="fail(20%, 503, \"busy, sorry\")""#;
        headers.append("server-timing", ours.parse().unwrap());
        let reported = ReportedWait::from(&headers);
        assert_eq!(reported.fault.as_deref(), Some(r#"fail(20%, 503, "busy, sorry")"#));
        assert_eq!((reported.planned, reported.waited), (None, Some(Duration::from_millis(5))));
    }
}
