//! Reads what the headers of a request specify about its call.

use http::{HeaderMap, HeaderValue};
use longsync_behavior::Behavior;
use longsync_behavior::rpc_behavior::RPC_BEHAVIOR;

use crate::call::header_request::{EchoedMetadata, ForeignHeaders, HeaderRequest};
use crate::call::plan::check_call_id;
use crate::call::refusal::Refusal;

/// The headers of a request that the server understands, read in one pass.
#[derive(Debug, Default)]
pub(crate) struct CallHeaders {
    /// `grpc-timeout`, as it was sent.
    pub(crate) timeout: Option<HeaderValue>,
    /// How they ask that the call be answered. Boxed, because they rarely do.
    pub(crate) asked: Option<Box<HeaderRequest>>,
    /// The name of the call, or what is wrong with it.
    pub(crate) call_id: Option<Result<String, String>>,
    /// The name of one of our headers that was sent more than once, so that it is not clear which value is
    /// meant.
    pub(crate) repeated: Option<&'static str>,
    /// Which attempt of a retried call this is, from 1: gRPC's header (gRFC A6) gives the number of previous
    /// attempts; Envoy's, which counts only if gRPC's is missing, gives the number of this one.
    pub(crate) attempt: u32,
    /// Whether either header is there.
    pub(crate) states_attempt: bool,
    /// Whether the call specifies how its messages are encoded.
    pub(crate) has_encoding: bool,
    /// W3C's `traceparent`, kept only if the log line that contains it is enabled.
    pub(crate) traceparent: Option<Box<HeaderValue>>,
}

/// The names of these headers.
pub(crate) const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
pub(crate) const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";

/// How headers are read.
#[derive(Clone, Copy)]
pub(crate) struct HeaderRules<'a> {
    /// Parses the text of a behavior.
    pub(crate) read_behavior: &'a dyn Fn(&str) -> Result<Behavior, String>,
    /// [`None`] if headers of other software do not count.
    pub(crate) foreign: Option<ForeignHeaders<'a>>,
    /// Whether Envoy's count of attempts is taken.
    pub(crate) takes_attempt_count: bool,
    /// Whether the headers of gRPC's interop tests are sent back.
    pub(crate) echoes: bool,
}

/// The longest `traceparent` that is kept, in bytes: those of today have 55.
const MAX_TRACEPARENT_BYTES: usize = 256;

impl CallHeaders {
    /// Reads the headers. If a header is repeated, the first value counts; for gRPC's attempts it is the last,
    /// because software that retries a call which was already a retry appends its own header.
    pub(crate) fn read(headers: &HeaderMap, rules: &HeaderRules<'_>) -> Self {
        let (mut read, mut envoy) = (Self::default(), 0);
        for (name, value) in headers {
            match name.as_str() {
                "grpc-timeout" if read.timeout.is_none() => read.timeout = Some(value.clone()),
                longsync::BEHAVIOR_HEADER => {
                    let behavior = text(value).and_then(rules.read_behavior);
                    if read.asked().behavior.replace(behavior).is_some() {
                        read.repeated = Some(longsync::BEHAVIOR_HEADER);
                    }
                }
                longsync::CALL_ID_HEADER => {
                    if read.call_id.is_some() {
                        read.repeated = Some(longsync::CALL_ID_HEADER);
                    }
                    read.call_id = Some(text(value).map(str::to_owned));
                }
                longsync::PREVIOUS_ATTEMPTS_HEADER => read.attempt = attempt(value),
                "x-envoy-attempt-count" if envoy == 0 && rules.takes_attempt_count => {
                    envoy = number(value).unwrap_or_default();
                }
                RPC_BEHAVIOR if rules.foreign.is_some() => read.asked().names_host = true,
                name if name.starts_with("x-envoy-fault-") => {
                    if let Some(foreign) = rules.foreign {
                        foreign.read_envoy(name, value, read.asked());
                    }
                }
                ECHO_INITIAL if rules.echoes => read.asked().echo.initial = Some(value.clone()),
                ECHO_TRAILING if rules.echoes => read.asked().echo.trailing = Some(value.clone()),
                "grpc-encoding" => read.has_encoding = true,
                "traceparent" if has_call_lines() && value.len() <= MAX_TRACEPARENT_BYTES => {
                    read.traceparent = Some(Box::new(value.clone()));
                }
                _ => {}
            }
        }
        let previous_attempts = read.attempt.saturating_sub(1);
        if let (Some(asked), Some(foreign)) = (&mut read.asked, rules.foreign)
            && asked.names_host
        {
            asked.rpc_behavior = foreign.read_rpc_behavior(headers, previous_attempts);
        }
        read.states_attempt = read.attempt > 0 || envoy > 0;
        if read.attempt == 0 {
            read.attempt = envoy.max(1);
        }
        read
    }

    /// Removes the headers that concern only our own service: for any other call they may contain anything.
    pub(crate) fn leave_ours_out(&mut self) {
        let echo = self.asked.take().map(|asked| asked.echo).filter(EchoedMetadata::is_any);
        let asked = echo.map(|echo| Box::new(HeaderRequest { echo, ..HeaderRequest::default() }));
        (self.asked, self.call_id, self.repeated) = (asked, None, None);
    }

    #[cold]
    fn asked(&mut self) -> &mut HeaderRequest {
        self.asked.get_or_insert_default()
    }

    /// Takes the name of the call, which is empty if the headers contain none.
    ///
    /// # Errors
    /// If the name is too long, or not text.
    pub(crate) fn take_call_id(&mut self) -> Result<String, Refusal> {
        let call_id = self.call_id.take().unwrap_or_else(|| Ok(String::new()));
        let call_id = call_id.map_err(|why| Refusal::invalid(longsync::CALL_ID_HEADER, why))?;
        check_call_id(longsync::CALL_ID_HEADER, &call_id).map(|()| call_id)
    }
}

/// Whether each call writes a log line when it ends.
fn has_call_lines() -> bool {
    tracing::enabled!(target: super::CALL_LOG_TARGET, tracing::Level::DEBUG)
}

fn text(value: &HeaderValue) -> Result<&str, String> {
    value.to_str().map_err(|_| "send it as plain ASCII text".to_owned())
}

fn attempt(previous: &HeaderValue) -> u32 {
    number(previous).map_or(1, |count| count.saturating_add(1))
}

fn number(value: &HeaderValue) -> Option<u32> {
    value.to_str().ok().and_then(|value| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(headers: &HeaderMap) -> CallHeaders {
        let foreign = ForeignHeaders { host: "here", max_delay: Duration::from_secs(3_600) };
        let rules = HeaderRules {
            read_behavior: &|_| Ok(Behavior::constant(Duration::ZERO)),
            foreign: Some(foreign),
            takes_attempt_count: true,
            echoes: false,
        };
        CallHeaders::read(headers, &rules)
    }

    #[test]
    fn an_attempt_that_is_not_a_number_counts_as_the_first() {
        for (previous, expected) in
            [("0", 1), ("1", 2), ("-1", 1), ("two", 1), ("4294967295", u32::MAX)]
        {
            assert_eq!(attempt(&HeaderValue::from_static(previous)), expected, "{previous}");
        }
        assert_eq!(of(&HeaderMap::new()).attempt, 1);
    }

    #[test]
    fn the_first_of_a_repeated_header_counts() {
        let mut headers = HeaderMap::new();
        headers.append("grpc-timeout", HeaderValue::from_static("1S"));
        headers.append("grpc-timeout", HeaderValue::from_static("2S"));
        assert_eq!(of(&headers).timeout.unwrap(), "1S");
    }

    #[test]
    fn the_last_of_the_attempts_counts() {
        let mut headers = HeaderMap::new();
        headers.append("grpc-previous-rpc-attempts", HeaderValue::from_static("1"));
        headers.append("grpc-previous-rpc-attempts", HeaderValue::from_static("4"));
        assert_eq!(of(&headers).attempt, 5);
    }

    #[test]
    fn headers_of_other_software_are_read() {
        let mut headers = HeaderMap::new();
        headers.append("x-envoy-fault-delay-request", HeaderValue::from_static("250"));
        headers.append("rpc-behavior", HeaderValue::from_static("succeed-on-retry-attempt-1"));
        headers.append("rpc-behavior", HeaderValue::from_static("error-code-14"));
        let behavior = |headers: &HeaderMap| {
            let asked = of(headers).asked.unwrap();
            assert!(asked.names_host && asked.envoy.are_any());
            asked.rpc_behavior.unwrap().unwrap().text().to_owned()
        };
        assert_eq!(behavior(&headers), "fail(100%, UNAVAILABLE)");
        headers.append("grpc-previous-rpc-attempts", HeaderValue::from_static("1"));
        assert_eq!(behavior(&headers), "0s");
        headers.append("x-envoy-fault-abort-request", HeaderValue::from_static("5O3"));
        let refused = of(&headers).asked.unwrap().refused.unwrap();
        assert!(refused.message().starts_with("x-envoy-fault-abort-request: "), "{refused:?}");
    }

    #[test]
    fn a_repeated_behavior_is_noticed() {
        let mut headers = HeaderMap::new();
        headers.append(longsync::BEHAVIOR_HEADER, HeaderValue::from_static("1s"));
        assert_eq!(of(&headers).repeated, None);
        headers.append(longsync::BEHAVIOR_HEADER, HeaderValue::from_static("1s"));
        headers.append(longsync::BEHAVIOR_HEADER, HeaderValue::from_static("1s"));
        assert_eq!(of(&headers).repeated, Some(longsync::BEHAVIOR_HEADER));
    }
}
