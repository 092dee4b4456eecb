//! What the headers of a request say of its call.

use http::{HeaderMap, HeaderValue};

/// What is understood of a request's headers, read in one pass.
#[derive(Debug, Default)]
pub(crate) struct CallHeaders {
    /// `grpc-timeout`, as it was sent.
    pub(crate) timeout: Option<HeaderValue>,
    pub(crate) behavior: Option<HeaderValue>,
    /// Which attempt of a retried call this is, from 1 (gRFC A6).
    pub(crate) attempt: u32,
    /// Whether the call says how its messages are encoded.
    pub(crate) has_encoding: bool,
}

impl CallHeaders {
    /// Of a header that is there twice, the first counts.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut read = Self { attempt: 1, ..Self::default() };
        for (name, value) in headers {
            match name.as_str() {
                "grpc-timeout" if read.timeout.is_none() => read.timeout = Some(value.clone()),
                longsync::BEHAVIOR_HEADER if read.behavior.is_none() => {
                    read.behavior = Some(value.clone());
                }
                "grpc-previous-rpc-attempts" => read.attempt = attempt(value),
                "grpc-encoding" => read.has_encoding = true,
                _ => {}
            }
        }
        read
    }
}

fn attempt(previous: &HeaderValue) -> u32 {
    let previous = previous.to_str().ok().and_then(|value| value.parse::<u32>().ok());
    previous.map_or(1, |count| count.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_is_no_number_is_the_first() {
        for (previous, expected) in
            [("0", 1), ("1", 2), ("-1", 1), ("two", 1), ("4294967295", u32::MAX)]
        {
            assert_eq!(attempt(&HeaderValue::from_static(previous)), expected, "{previous}");
        }
        assert_eq!(CallHeaders::read(&HeaderMap::new()).attempt, 1);
    }

    #[test]
    fn of_a_header_that_is_there_twice_the_first_counts() {
        let mut headers = HeaderMap::new();
        headers.append("grpc-timeout", HeaderValue::from_static("1S"));
        headers.append("grpc-timeout", HeaderValue::from_static("2S"));
        assert_eq!(CallHeaders::read(&headers).timeout.unwrap(), "1S");
    }
}
