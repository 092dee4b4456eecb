//! Which form of the metrics a client wants (RFC 9110, section 12.5.1).

use http::{HeaderMap, header};

use crate::shared::scrapes::Format;

const OPEN_METRICS: &str = "application/openmetrics-text";
/// The weight of a form that is not named, in thousandths.
const UNNAMED: u16 = 0;
/// The greatest weight.
const BEST: u16 = 1_000;

/// `OpenMetrics` if it is named, and the text form is not preferred.
pub(crate) fn format(headers: &HeaderMap) -> Format {
    let accepts =
        headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let (mut open_metrics, mut text) = (UNNAMED, TextPreference::default());
    for range in accepts.flat_map(|value| value.split(',')).map(Range::read) {
        if range.media_type.eq_ignore_ascii_case(OPEN_METRICS) {
            if matches!(range.version, None | Some("1.0.0" | "0.0.1")) {
                open_metrics = open_metrics.max(range.quality);
            }
        } else {
            text.add(&range);
        }
    }
    if open_metrics > UNNAMED && open_metrics >= text.quality() {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

/// How much the text form is wanted: the most specific range that covers it decides.
#[derive(Debug, Default)]
struct TextPreference {
    named: Option<u16>,
    of_type: Option<u16>,
    anything: Option<u16>,
}

impl TextPreference {
    fn add(&mut self, range: &Range<'_>) {
        let place = match range.media_type.to_ascii_lowercase().as_str() {
            "text/plain" if matches!(range.version, None | Some("0.0.4")) => &mut self.named,
            "text/*" => &mut self.of_type,
            "*/*" => &mut self.anything,
            _ => return,
        };
        *place = Some(place.unwrap_or(UNNAMED).max(range.quality));
    }

    fn quality(&self) -> u16 {
        self.named.or(self.of_type).or(self.anything).unwrap_or(UNNAMED)
    }
}

/// One of the media ranges of an `Accept`.
#[derive(Debug)]
struct Range<'a> {
    media_type: &'a str,
    version: Option<&'a str>,
    quality: u16,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let mut range = Self { media_type, version: None, quality: BEST };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match (name.trim_end(), value.trim_start()) {
                ("q" | "Q", value) => range.quality = quality(value),
                (name, value) if name.eq_ignore_ascii_case("version") => {
                    range.version = Some(value.trim_matches('"'));
                }
                _ => {}
            }
        }
        range
    }
}

/// A weight in thousandths: at most three digits after the point. One that cannot be read says nothing.
fn quality(text: &str) -> u16 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_weight = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "0" if is_weight => format!("{decimals:0<3}").parse().unwrap_or(BEST),
        _ => BEST,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn openmetrics_is_for_clients_that_name_it_and_prefer_it() {
        let prometheus = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
            encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;\
            q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,\
            text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for (accept, expected) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html, */*;q=0.8", Format::Text),
            ("application/json", Format::Text),
            ("application/*", Format::Text),
            (prometheus, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", Format::OpenMetrics),
            ("application/openmetrics-text;version=0.0.1,text/plain;q=0.5", Format::OpenMetrics),
            ("application/openmetrics-text;version=2.0.0", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text; q=0.000, */*", Format::Text),
            ("application/openmetrics-text;q=0.001", Format::OpenMetrics),
            ("application/openmetrics-text;q=0.5, text/plain", Format::Text),
            ("application/openmetrics-text;q=0.5, text/plain;q=0.4", Format::OpenMetrics),
            ("application/openmetrics-text;q=0.5, text/*", Format::Text),
            ("application/openmetrics-text, text/plain", Format::OpenMetrics),
            ("text/plain;q=0, application/openmetrics-text;q=0.1", Format::OpenMetrics),
            (
                "application/openmetrics-text;q=0.5, text/plain;q=0.4, */*;q=0.9",
                Format::OpenMetrics,
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(format(&headers), expected, "{accept}");
        }
        assert_eq!(format(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn several_accepts_are_one() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT, HeaderValue::from_static("text/plain;q=0.5"));
        headers.append(header::ACCEPT, HeaderValue::from_static("application/openmetrics-text"));
        assert_eq!(format(&headers), Format::OpenMetrics);
    }
}
