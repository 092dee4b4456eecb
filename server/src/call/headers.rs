//! What the headers of a request say about its call.

use http::{HeaderMap, HeaderValue};
use longsync_behavior::{Behavior, NotABehavior};

/// What is understood of a request's headers, read in one pass.
#[derive(Debug, Default)]
pub(crate) struct CallHeaders {
    /// `grpc-timeout`, as it was sent.
    pub(crate) timeout: Option<HeaderValue>,
    /// Read at once: as text it could take 16 KiB for as long as the call waits.
    pub(crate) behavior: Option<Result<Behavior, String>>,
    /// Whether the behavior is given more than once: then nobody can say which is meant.
    pub(crate) is_behavior_repeated: bool,
    /// Which attempt of a retried call this is, from 1 (gRFC A6).
    pub(crate) attempt: u32,
    /// Whether the call says how its messages are encoded.
    pub(crate) has_encoding: bool,
    /// W3C's `traceparent`, while the line for which it is kept is logged.
    pub(crate) traceparent: Option<Box<HeaderValue>>,
}

/// How long a `traceparent` may be to be kept: today's have 55 bytes.
const MAX_TRACEPARENT_BYTES: usize = 256;

impl CallHeaders {
    /// If a header is repeated, the first one counts; of the attempts, the last, since software which
    /// retries a call that was a retry already adds its own.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut read = Self { attempt: 1, ..Self::default() };
        for (name, value) in headers {
            match name.as_str() {
                "grpc-timeout" if read.timeout.is_none() => read.timeout = Some(value.clone()),
                longsync::BEHAVIOR_HEADER => {
                    read.is_behavior_repeated = read.behavior.is_some();
                    read.behavior = Some(behavior(value));
                }
                "grpc-previous-rpc-attempts" => read.attempt = attempt(value),
                "grpc-encoding" => read.has_encoding = true,
                "traceparent" if has_call_lines() && value.len() <= MAX_TRACEPARENT_BYTES => {
                    read.traceparent = Some(Box::new(value.clone()));
                }
                _ => {}
            }
        }
        read
    }
}

/// Whether each call writes a line when it ends.
fn has_call_lines() -> bool {
    tracing::enabled!(target: super::CALL_LOG_TARGET, tracing::Level::DEBUG)
}

fn behavior(value: &HeaderValue) -> Result<Behavior, String> {
    let text = value.to_str().map_err(|_| "send it as plain ASCII text".to_owned())?;
    text.parse().map_err(|why: NotABehavior| why.to_string())
}

fn attempt(previous: &HeaderValue) -> u32 {
    let previous = previous.to_str().ok().and_then(|value| value.parse::<u32>().ok());
    previous.map_or(1, |count| count.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_is_not_a_number_is_the_first() {
        for (previous, expected) in
            [("0", 1), ("1", 2), ("-1", 1), ("two", 1), ("4294967295", u32::MAX)]
        {
            assert_eq!(attempt(&HeaderValue::from_static(previous)), expected, "{previous}");
        }
        assert_eq!(CallHeaders::read(&HeaderMap::new()).attempt, 1);
    }

    #[test]
    fn the_first_of_a_repeated_header_counts() {
        let mut headers = HeaderMap::new();
        headers.append("grpc-timeout", HeaderValue::from_static("1S"));
        headers.append("grpc-timeout", HeaderValue::from_static("2S"));
        assert_eq!(CallHeaders::read(&headers).timeout.unwrap(), "1S");
    }

    #[test]
    fn the_last_of_the_attempts_counts() {
        let mut headers = HeaderMap::new();
        headers.append("grpc-previous-rpc-attempts", HeaderValue::from_static("1"));
        headers.append("grpc-previous-rpc-attempts", HeaderValue::from_static("4"));
        assert_eq!(CallHeaders::read(&headers).attempt, 5);
    }

    #[test]
    fn a_repeated_behavior_is_noticed() {
        let mut headers = HeaderMap::new();
        headers.append(longsync::BEHAVIOR_HEADER, HeaderValue::from_static("1s"));
        assert!(!CallHeaders::read(&headers).is_behavior_repeated);
        headers.append(longsync::BEHAVIOR_HEADER, HeaderValue::from_static("1s"));
        headers.append(longsync::BEHAVIOR_HEADER, HeaderValue::from_static("1s"));
        assert!(CallHeaders::read(&headers).is_behavior_repeated);
    }
}
