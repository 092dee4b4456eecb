//! The formats in which the counters are rendered.

/// A format of the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus's text format, which every scraper reads.
    Text,
    /// `OpenMetrics`, for scrapers that ask for it.
    OpenMetrics,
    /// `longsync.stats/v1`, for the page and for programs that are not Prometheus.
    Json,
}

impl Format {
    /// The media type of a rendering.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}
