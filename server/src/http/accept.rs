//! Content negotiation: which form of an answer a client prefers (RFC 9110, section 12.5.1).

use std::mem;

use http::{HeaderMap, header};

use crate::shared::format::Format;

/// The weight of a form that `Accept` does not name, in thousandths.
const UNNAMED: u16 = 0;
/// The greatest weight.
const BEST: u16 = 1_000;

/// The form of the metrics: `OpenMetrics` if the client names it and does not prefer the text form.
pub(crate) fn format(headers: &HeaderMap) -> Format {
    if prefers(headers, is_open_metrics) { Format::OpenMetrics } else { Format::Text }
}

/// Whether the client names HTML and does not prefer plain text: browsers name it, programs accept anything.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    prefers(headers, is_html)
}

fn is_open_metrics(range: &Range<'_>) -> bool {
    range.media_type().eq_ignore_ascii_case("application/openmetrics-text")
        && matches!(range.version(), None | Some("1.0.0" | "0.0.1"))
}

/// Matches HTML in UTF-8 only; HTML with any other parameter is a different form.
fn is_html(range: &Range<'_>) -> bool {
    let is_ours = |(name, value): (&str, &str)| {
        name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8")
    };
    range.media_type().eq_ignore_ascii_case("text/html") && range.parameters().all(is_ours)
}

/// Whether the client names a form and does not prefer plain text to it.
fn prefers(headers: &HeaderMap, is_form: fn(&Range<'_>) -> bool) -> bool {
    let accepts =
        headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let (mut form, mut text) = (UNNAMED, TextPreference::default());
    for range in accepts.flat_map(|value| unquoted_split(value, ',')).map(Range) {
        if is_form(&range) {
            form = form.max(range.quality());
        } else {
            text.add(&range);
        }
    }
    form > UNNAMED && form >= text.quality()
}

/// The weight of plain text: the most specific media range that matches it decides.
#[derive(Debug, Default)]
struct TextPreference {
    named: Option<u16>,
    of_type: Option<u16>,
    anything: Option<u16>,
}

impl TextPreference {
    fn add(&mut self, range: &Range<'_>) {
        let place = match range.media_type().to_ascii_lowercase().as_str() {
            "text/plain" if matches!(range.version(), None | Some("0.0.4")) => &mut self.named,
            "text/*" => &mut self.of_type,
            "*/*" => &mut self.anything,
            _ => return,
        };
        *place = Some(place.unwrap_or(UNNAMED).max(range.quality()));
    }

    fn quality(&self) -> u16 {
        self.named.or(self.of_type).or(self.anything).unwrap_or(UNNAMED)
    }
}

/// One media range of an `Accept` header.
#[derive(Debug)]
struct Range<'a>(&'a str);

impl<'a> Range<'a> {
    fn media_type(&self) -> &'a str {
        self.0.split(';').next().unwrap_or_default().trim()
    }

    fn version(&self) -> Option<&'a str> {
        self.parameter("version")
    }

    fn quality(&self) -> u16 {
        let weight = self.pairs().find(|(name, _)| name.eq_ignore_ascii_case("q"));
        weight.map_or(BEST, |(_, value)| quality(value))
    }

    fn parameter(&self, wanted: &str) -> Option<&'a str> {
        self.parameters()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    }

    /// Its parameters, except the weight.
    fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs().filter(|(name, _)| !name.eq_ignore_ascii_case("q"))
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = unquoted_split(self.0, ';').skip(1).filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
    }
}

/// Splits a header's value at a separator, except inside quoted strings (RFC 9110, section 5.6.4).
fn unquoted_split(text: &str, mark: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |character| {
        let was_escaped = mem::take(&mut is_escaped);
        match character {
            '\\' => is_escaped = is_quoted && !was_escaped,
            '"' if !was_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        character == mark && !is_quoted
    })
}

/// A weight in thousandths, which has at most three decimals. An invalid one counts as the greatest.
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn clients_that_name_and_prefer_openmetrics_get_it() {
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
    fn clients_that_name_and_prefer_html_get_it() {
        let chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
            image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7";
        let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let w3m = "text/html, text/*;q=0.5, image/*, application/*";
        for (accept, is_html) in [
            (chromium, true),
            (firefox, true),
            (w3m, true),
            ("text/html", true),
            ("TEXT/HTML; charset=UTF-8", true),
            ("text/html; charset=\"utf-8\"; q=0.2", true),
            ("text/html;q=0.001", true),
            ("text/html, text/plain", true),
            ("text/plain;q=0.4, text/html;q=0.5", true),
            ("text/plain;q=0, text/html;q=0.1", true),
            ("application/json, text/html ;Q=0.5", true),
            ("", false),
            ("*/*", false),
            ("text/*", false),
            ("text/plain", false),
            ("text/html;q=0", false),
            ("text/html;q=0.000, */*", false),
            ("text/html;q=0.5, text/plain", false),
            ("text/html;q=0.5, */*", false),
            ("text/html;q=0.5, text/*;q=0.6", false),
            ("text/html;level=1", false),
            ("text/html;charset=latin1", false),
            ("text/htmlx", false),
            ("application/xhtml+xml", false),
            ("application/json;note=\"a,text/html\"", false),
            ("application/json;note=\"a\\\",text/html\"", false),
            ("application/json;note=\"a\\\\\",text/html", true),
            ("text/html;q=soon", true),
            (",;=,", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(wants_html(&headers), is_html, "{accept}");
        }
        assert!(!wants_html(&HeaderMap::new()));
    }

    proptest! {
        /// No header causes a panic.
        #[test]
        fn no_accept_header_causes_a_panic(accept in "[ -~]{0,60}") {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(&accept).unwrap());
            wants_html(&headers);
            format(&headers);
        }
    }

    #[test]
    fn several_accept_headers_are_combined() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT, HeaderValue::from_static("text/plain;q=0.5"));
        headers.append(header::ACCEPT, HeaderValue::from_static("application/openmetrics-text"));
        assert_eq!(format(&headers), Format::OpenMetrics);
    }
}
