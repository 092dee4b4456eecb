//! Commands to try on a server, as its page, its text at `/` and its first lines on stdout show them.

use std::borrow::Cow;
use std::time::Duration;

use longsync::HTTP_PATH;
use longsync::v1::long_sync_service_server::SERVICE_NAME;
use longsync_behavior::{Behavior, Rules};
use longsync_text::duration::text;

use crate::config::Config;

/// Commands to try, each ready for a shell. The server refuses none of them for what it asks: delays are within
/// [`max_delay`](crate::Limits::max_delay), and if the behavior is fixed, no command asks for one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Examples {
    /// A call with curl.
    pub curl: String,
    /// A call with curl whose delay has a long tail; [`None`] if the server would refuse it.
    pub curl_with_tail: Option<String>,
    /// A call with curl that fails as planned; [`None`] if the server would refuse it.
    pub curl_that_fails: Option<String>,
    /// A call with grpcurl, which learns the contract by reflection.
    pub grpcurl: String,
    /// The description of the service, with grpcurl.
    pub describe: String,
    /// A call with our client.
    pub call: String,
    /// A race with our client; [`None`] if the behavior is fixed, since a race always asks for a delay.
    pub race: Option<String>,
    /// A load with our client.
    pub load: String,
}

impl Examples {
    /// The commands that reach a server with this configuration at `address`, a host with a port if needed.
    pub fn new(config: &Config, address: &str) -> Self {
        let most = config.limits.max_delay;
        // Without a delay, the server chooses it.
        let asked =
            |preferred: u64| (!config.is_fixed).then(|| Duration::from_millis(preferred).min(most));
        let delay = asked(250);
        let (url, host) = (in_shell(format!("http://{address}")), in_shell(address));
        let query = delay.map(|delay| format!("?delay={}", text(delay))).unwrap_or_default();
        let json = delay.map(|delay| format!("-d '{{\"delay\":\"{}s\"}}' ", seconds(delay)));
        Self {
            curl: format!("curl 'http://{address}{HTTP_PATH}{query}'"),
            curl_with_tail: tail(config)
                .map(|tail| format!("curl 'http://{address}{HTTP_PATH}?behavior={tail}'")),
            curl_that_fails: asked(50).map(|delay| {
                format!("curl -i 'http://{address}{HTTP_PATH}?delay={}&status=503'", text(delay))
            }),
            grpcurl: format!(
                "grpcurl -plaintext {}{host} {SERVICE_NAME}/LongSync",
                json.unwrap_or_default()
            ),
            describe: format!("grpcurl -plaintext {host} describe {SERVICE_NAME}"),
            call: format!("longsync-client call --url {url}{}", flag(delay)),
            race: asked(500).map(|delay| {
                format!("longsync-client race --url {url} --calls 12{}", flag(Some(delay)))
            }),
            load: format!("longsync-client load --url {url} --rate 100 -z 10s{}", flag(asked(10))),
        }
    }
}

/// A behavior with a long tail, if callers may ask for it.
fn tail(config: &Config) -> Option<String> {
    let p99 = Duration::from_millis(200).min(config.limits.max_delay);
    let tail = format!("lognormal(p50={},p99={})", text(p99 / 20), text(p99));
    let is_accepted = Behavior::read(&tail, &Rules::caller(config.limits.max_delay)).is_ok();
    (is_accepted && !config.is_fixed).then_some(tail)
}

fn flag(delay: Option<Duration>) -> String {
    delay.map(|delay| format!(" --delay {}", text(delay))).unwrap_or_default()
}

/// A duration in seconds, exactly, as in the JSON of gRPC.
fn seconds(duration: Duration) -> String {
    let exact = format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos());
    exact.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A word of a command, in quotes if a shell would read it differently: brackets are patterns.
///
/// It has no quotes of its own, as addresses have none.
fn in_shell<'a>(word: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let word = word.into();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/%".contains(&byte);
    if word.bytes().all(is_plain) { word } else { format!("'{word}'").into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{Limits, Options};

    fn examples(is_fixed: bool, max_delay: Duration, address: &str) -> Examples {
        let limits = Limits { max_delay, ..Limits::default() };
        let behavior = Behavior::constant(Duration::ZERO);
        let options = Options { behavior, is_fixed, limits, ..Options::default() };
        Examples::new(&Config::new(options).unwrap(), address)
    }

    fn all(examples: Examples) -> Vec<String> {
        let Examples { curl, grpcurl, describe, call, load, .. } = examples;
        let always = [curl, grpcurl, describe, call, load].into_iter();
        let others = [examples.curl_with_tail, examples.curl_that_fails, examples.race];
        always.chain(others.into_iter().flatten()).collect()
    }

    #[test]
    fn a_server_without_narrow_limits_shows_these_commands() {
        let shown = examples(false, Duration::from_secs(3_600), "a.test:1");
        let right = Examples {
            curl: "curl 'http://a.test:1/long_sync?delay=250ms'".into(),
            curl_with_tail: Some(
                "curl 'http://a.test:1/long_sync?behavior=lognormal(p50=10ms,p99=200ms)'".into(),
            ),
            curl_that_fails: Some(
                "curl -i 'http://a.test:1/long_sync?delay=50ms&status=503'".into(),
            ),
            grpcurl: "grpcurl -plaintext -d '{\"delay\":\"0.25s\"}' a.test:1 \
                      longsync.v1.LongSyncService/LongSync"
                .into(),
            describe: "grpcurl -plaintext a.test:1 describe longsync.v1.LongSyncService".into(),
            call: "longsync-client call --url http://a.test:1 --delay 250ms".into(),
            race: Some(
                "longsync-client race --url http://a.test:1 --calls 12 --delay 500ms".into(),
            ),
            load: "longsync-client load --url http://a.test:1 --rate 100 -z 10s --delay 10ms"
                .into(),
        };
        assert_eq!(shown, right);
    }

    #[test]
    fn no_command_asks_for_more_than_the_longest_delay() {
        let shown = examples(false, Duration::from_millis(50), "a.test:1");
        assert!(shown.curl.ends_with("?delay=50ms'"), "{shown:?}");
        let tail = shown.curl_with_tail.unwrap();
        assert!(tail.ends_with("lognormal(p50=2.5ms,p99=50ms)'"), "{tail}");
        assert!(shown.grpcurl.contains("{\"delay\":\"0.05s\"}"), "{}", shown.grpcurl);
        assert!(shown.call.ends_with("--delay 50ms") && shown.load.ends_with("--delay 10ms"));
        assert!(shown.race.unwrap().ends_with("--calls 12 --delay 50ms"));
    }

    #[test]
    fn with_a_longest_delay_of_zero_the_commands_ask_for_none() {
        let shown = examples(false, Duration::ZERO, "a.test:1");
        assert!(shown.curl.ends_with("?delay=0s'"), "{shown:?}");
        assert!(shown.grpcurl.contains("{\"delay\":\"0s\"}"), "{}", shown.grpcurl);
        assert_eq!(shown.curl_with_tail, None);
    }

    #[test]
    fn with_a_fixed_behavior_no_command_asks_for_a_delay() {
        let shown = examples(true, Duration::from_secs(1), "a.test:1");
        assert_eq!((&shown.curl_with_tail, &shown.race), (&None, &None));
        for command in all(shown) {
            assert!(!command.contains("delay") && !command.contains("behavior"), "{command}");
        }
    }

    #[test]
    fn no_shell_sees_a_pattern_in_an_address() {
        for command in all(examples(false, Duration::from_secs(1), "[::1]:9000")) {
            let is_quoted = |at: usize| command[..at].matches('\'').count() % 2 == 1;
            let brackets = command.match_indices(['[', ']']);
            assert!(brackets.map(|(at, _)| at).all(is_quoted), "{command}");
            assert!(command.contains("[::1]:9000"), "{command}");
        }
    }

    proptest! {
        /// Whatever the longest delay, a server accepts the delay and the behavior of each command.
        #[test]
        fn every_delay_is_accepted(nanos in 0_u64..2_000_000_000) {
            let most = Duration::from_nanos(nanos);
            let shown = examples(false, most, "a.test:1");
            let (_, delay) = shown.curl.trim_end_matches('\'').split_once("?delay=").unwrap();
            prop_assert!(longsync_text::duration::parse(delay).unwrap() <= most, "{}", delay);
            if let Some(tail) = shown.curl_with_tail {
                let (_, tail) = tail.trim_end_matches('\'').split_once("?behavior=").unwrap();
                prop_assert!(Behavior::read(tail, &Rules::caller(most)).is_ok(), "{}", tail);
            }
            for command in shown.race.iter().chain([&shown.call, &shown.load]) {
                if let Some((_, delay)) = command.split_once("--delay ") {
                    prop_assert!(longsync_text::duration::parse(delay).unwrap() <= most, "{}", command);
                }
            }
        }

        /// The seconds are exact.
        #[test]
        fn seconds_are_exact(nanos in 0_u64..10_000_000_000) {
            let duration = Duration::from_nanos(nanos);
            let parsed = longsync_text::duration::parse(&format!("{}s", seconds(duration)));
            prop_assert_eq!(parsed, Ok(duration));
        }
    }
}
