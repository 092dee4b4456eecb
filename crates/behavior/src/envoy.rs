//! The fault headers of Envoy (its HTTP fault filter, with `HeaderDelay`, `HeaderAbort` and
//! `HeaderRateLimit`).
//!
//! Where Envoy ignores a value that it does not understand, we refuse it: a test must not pass because of a
//! typing error.

use std::sync::Arc;
use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::{ByteRate, GrpcCode, Percent, quoted};

use crate::fault::{Failure, FailureStatus, Fault, FaultClause};
use crate::key::DrawKey;

/// Milliseconds to wait before anything else.
pub const DELAY: &str = "x-envoy-fault-delay-request";
/// The share of the calls that wait, in percent.
pub const DELAY_PERCENTAGE: &str = "x-envoy-fault-delay-request-percentage";
/// The HTTP status with which calls fail.
pub const ABORT: &str = "x-envoy-fault-abort-request";
/// The gRPC status with which calls fail.
pub const ABORT_GRPC: &str = "x-envoy-fault-abort-grpc-request";
/// The share of the calls that fail, in percent.
pub const ABORT_PERCENTAGE: &str = "x-envoy-fault-abort-request-percentage";
/// KiB per second at which answers are sent.
pub const THROUGHPUT: &str = "x-envoy-fault-throughput-response";
/// The share of the answers that are slow, in percent.
pub const THROUGHPUT_PERCENTAGE: &str = "x-envoy-fault-throughput-response-percentage";

/// The headers, as far as a request has them. If one is repeated, its first value counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvoyHeaders {
    values: [Option<u64>; NAMES.len()],
}

/// In the order of [`EnvoyHeaders::values`].
const NAMES: [&str; 7] = [
    DELAY,
    DELAY_PERCENTAGE,
    ABORT,
    ABORT_GRPC,
    ABORT_PERCENTAGE,
    THROUGHPUT,
    THROUGHPUT_PERCENTAGE,
];

/// A header that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct EnvoyHeaderError {
    /// The name of the header.
    pub header: &'static str,
    /// What is wrong, and what would be right.
    pub why: String,
}

/// What the headers do to one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvoyDraw {
    /// How long it waits before anything else.
    pub delay: Duration,
    /// The error with which it then fails.
    pub abort: Option<Arc<FaultClause>>,
    /// The rate at which its answer is sent.
    pub throughput: Option<Arc<FaultClause>>,
}

impl EnvoyHeaders {
    /// Reads the header with this name, in lower case, if it is one of Envoy's. `value` is [`None`] if it is
    /// not text.
    ///
    /// # Errors
    /// When its value is not what Envoy documents.
    pub fn read(
        &mut self,
        name: &str,
        value: Option<&str>,
        max_delay: Duration,
    ) -> Result<(), EnvoyHeaderError> {
        let Some(index) = NAMES.iter().position(|known| *known == name) else { return Ok(()) };
        let header = NAMES[index];
        if self.values[index].is_some() {
            return Ok(());
        }
        let refused = |why: String| EnvoyHeaderError { header, why };
        let number = value.map(str::trim).filter(|it| it.bytes().all(|b| b.is_ascii_digit()));
        let number = number.and_then(|it| it.parse::<u64>().ok());
        let (unit, allowed) = match header {
            DELAY => ("milliseconds", 0..=u64::MAX),
            ABORT => ("an HTTP status", 200..=599),
            ABORT_GRPC => ("a gRPC status code", 1..=16),
            THROUGHPUT => ("KiB per second", 1..=1 << 30),
            _ => ("percent", 0..=100),
        };
        let number = number.filter(|number| allowed.contains(number)).ok_or_else(|| {
            let (least, most) = (allowed.start(), allowed.end());
            let right = match header {
                DELAY => format!("send a whole number of {unit}"),
                ABORT | ABORT_GRPC => format!("send {unit} from {least} to {most}"),
                _ => format!("send a whole number from {least} to {most}: {unit}"),
            };
            let wrong = value.map_or_else(|| "what is not text".to_owned(), quoted);
            refused(format!("{wrong} has no meaning here: {right}"))
        })?;
        let delay = Duration::from_millis(number);
        if header == DELAY && delay > max_delay {
            let (delay, most) = (text(delay), text(max_delay));
            let why = format!("{delay} is over this server's limit: ask for at most {most}");
            return Err(refused(why));
        }
        self.values[index] = Some(number);
        Ok(())
    }

    /// Whether a header asks for an error.
    pub fn may_abort(&self) -> bool {
        [ABORT, ABORT_GRPC].iter().any(|name| self.value(name).is_some())
    }

    /// Whether a header asks for something.
    pub fn are_any(&self) -> bool {
        [DELAY, ABORT, ABORT_GRPC, THROUGHPUT].iter().any(|name| self.value(name).is_some())
    }

    /// What they do to the call with this key: delay and abort are drawn independently, and so is the
    /// throughput. `is_grpc`: an HTTP status becomes the code that a gRPC client would make of it.
    pub fn draw(&self, key: &DrawKey<'_>, is_grpc: bool) -> EnvoyDraw {
        let [of_delay, of_abort] = key.envoy();
        let is_hit = |share: Percent, u: f64| u < share.fraction();
        let delay_share = self.share(DELAY_PERCENTAGE);
        let delay = self.value(DELAY).filter(|_| is_hit(delay_share, of_delay));
        let abort_share = self.share(ABORT_PERCENTAGE);
        let abort = self.status(is_grpc).filter(|_| is_hit(abort_share, of_abort));
        let slow_share = self.share(THROUGHPUT_PERCENTAGE);
        let rate = self.value(THROUGHPUT).and_then(ByteRate::kibibytes_per_second);
        let rate = rate.filter(|_| is_hit(slow_share, key.envoy_throughput()));
        EnvoyDraw {
            delay: Duration::from_millis(delay.unwrap_or(0)),
            abort: abort.map(|status| clause(abort_share, Fault::Fail(Failure::of(status).into()))),
            throughput: rate.map(|rate| clause(slow_share, Fault::Slow(rate))),
        }
    }

    fn status(&self, is_grpc: bool) -> Option<FailureStatus> {
        let number = |name| self.value(name).and_then(|it| u16::try_from(it).ok());
        if let Some(status) = number(ABORT) {
            return Some(if is_grpc {
                FailureStatus::Grpc(GrpcCode::of_http(status))
            } else {
                FailureStatus::Http(status)
            });
        }
        let code = number(ABORT_GRPC).and_then(|it| u8::try_from(it).ok());
        code.and_then(GrpcCode::new).map(FailureStatus::Grpc)
    }

    fn value(&self, name: &str) -> Option<u64> {
        let index = NAMES.iter().position(|known| *known == name)?;
        self.values[index]
    }

    /// A percentage, which is 100 if it is not given.
    fn share(&self, name: &str) -> Percent {
        let percent = self.value(name).and_then(|it| u32::try_from(it).ok()).unwrap_or(100);
        Percent::from_millionths(percent * (Percent::ALL.millionths() / 100))
            .unwrap_or(Percent::ALL)
    }
}

fn clause(share: Percent, fault: Fault) -> Arc<FaultClause> {
    Arc::new(FaultClause::of_envoy(share, fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CallName;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn read(headers: &[(&str, &str)]) -> Result<EnvoyHeaders, EnvoyHeaderError> {
        let mut read = EnvoyHeaders::default();
        for (name, value) in headers {
            read.read(name, Some(value), HOUR)?;
        }
        Ok(read)
    }

    fn draw(headers: &[(&str, &str)], index: u64, is_grpc: bool) -> EnvoyDraw {
        let key = DrawKey { seed: 3, name: CallName::Id("envoy"), attempt: 1, index };
        read(headers).unwrap().draw(&key, is_grpc)
    }

    fn clause_text(clause: Option<&Arc<FaultClause>>) -> Option<String> {
        clause.map(ToString::to_string)
    }

    #[test]
    fn each_header_does_what_envoy_documents() {
        let all = [(DELAY, "250"), (ABORT, "503"), (ABORT_GRPC, "5"), (THROUGHPUT, "16")];
        let drawn = draw(&all, 0, true);
        assert_eq!(drawn.delay, Duration::from_millis(250));
        assert_eq!(clause_text(drawn.abort.as_ref()).unwrap(), "fail(100%, UNAVAILABLE)");
        assert_eq!(clause_text(drawn.throughput.as_ref()).unwrap(), "slow(100%, 16KiB/s)");
        let over_http = draw(&all, 0, false);
        assert_eq!(clause_text(over_http.abort.as_ref()).unwrap(), "fail(100%, 503)");
        let of_code = draw(&[(ABORT_GRPC, "5"), (ABORT_PERCENTAGE, "100")], 0, true);
        assert_eq!(clause_text(of_code.abort.as_ref()).unwrap(), "fail(100%, NOT_FOUND)");
        assert_eq!(draw(&[(DELAY, "0")], 0, true), EnvoyDraw::default());
        assert_eq!(draw(&[(DELAY, "7"), (DELAY, "9")], 0, true).delay.as_millis(), 7);
    }

    /// The bounds are the binomial 99.9 % interval of 10,000 calls (`SciPy` 1.17.1, `binom.interval`).
    #[test]
    fn delay_abort_and_throughput_are_drawn_independently() {
        let headers = [
            (DELAY, "10"),
            (DELAY_PERCENTAGE, "50"),
            (ABORT, "503"),
            (ABORT_PERCENTAGE, "50"),
            (THROUGHPUT, "1"),
            (THROUGHPUT_PERCENTAGE, "50"),
        ];
        let mut counts = [0_u32; 8];
        for index in 0..10_000 {
            let drawn = draw(&headers, index, true);
            let hit = [!drawn.delay.is_zero(), drawn.abort.is_some(), drawn.throughput.is_some()];
            counts[hit.iter().fold(0, |sum, hit| sum * 2 + usize::from(*hit))] += 1;
        }
        assert!(counts.iter().all(|count| (1_142..=1_360).contains(count)), "{counts:?}");
    }

    #[test]
    fn what_envoy_would_ignore_is_refused() {
        for (name, value, right) in [
            (DELAY, "", "whole number of milliseconds"),
            (DELAY, "-1", "whole number of milliseconds"),
            (DELAY, "1.5", "whole number of milliseconds"),
            (DELAY, "10ms", "whole number of milliseconds"),
            (DELAY, "3600001", "at most 1h"),
            (DELAY, "99999999999999999999", "whole number of milliseconds"),
            (DELAY_PERCENTAGE, "101", "from 0 to 100"),
            (ABORT, "199", "an HTTP status from 200 to 599"),
            (ABORT, "600", "an HTTP status from 200 to 599"),
            (ABORT_GRPC, "0", "from 1 to 16"),
            (ABORT_GRPC, "17", "from 1 to 16"),
            (ABORT_PERCENTAGE, "5%", "from 0 to 100"),
            (THROUGHPUT, "0", "from 1 to"),
        ] {
            let refused = read(&[(name, value)]).unwrap_err();
            assert_eq!(refused.header, name);
            assert!(refused.why.contains(right), "{name}: {value}: {}", refused.why);
        }
        assert!(EnvoyHeaders::default().read(DELAY, None, HOUR).is_err());
        assert!(EnvoyHeaders::default().read("x-envoy-other", None, HOUR).is_ok());
    }
}
