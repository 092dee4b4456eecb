//! The header `rpc-behavior` of gRPC's interop test servers.

use std::fmt::Write as _;
use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::{GrpcCode, quoted};

use crate::behavior::Behavior;
use crate::rules::Rules;

/// The name of the header.
pub const RPC_BEHAVIOR: &str = "rpc-behavior";

/// Reads the entries of the header, in order over all its repetitions. [`None`] if none of them counts.
///
/// `host` is the name of this server, and `previous_attempts` how often the call was tried before. Unknown
/// entries are ignored, as gRPC's servers do.
///
/// # Errors
/// When the number of an entry that counts is not a number, or what it asks for is not allowed.
pub fn read<'a>(
    values: impl IntoIterator<Item = &'a str>,
    host: &str,
    previous_attempts: u32,
    max_delay: Duration,
) -> Result<Option<Behavior>, String> {
    let mut asked = Asked::default();
    for entry in values.into_iter().flat_map(|value| value.split(',')) {
        let entry = entry.trim();
        let entry = match entry.strip_prefix("hostname=") {
            None => entry,
            Some(rest) => match rest.split_once(' ') {
                Some((name, entry)) if name == host => entry,
                _ => continue,
            },
        };
        if asked.takes(entry, previous_attempts, max_delay)? {
            break;
        }
    }
    asked.into_behavior(max_delay)
}

#[derive(Default)]
struct Asked {
    sleep: Duration,
    /// The fault that ends the entries.
    fault: Option<String>,
    is_any: bool,
}

impl Asked {
    /// Takes an entry. Returns whether the further ones do not count.
    fn takes(
        &mut self,
        entry: &str,
        previous_attempts: u32,
        max_delay: Duration,
    ) -> Result<bool, String> {
        if entry == "keep-open" {
            self.ends_with("hang(100%)".to_owned());
            return Ok(true);
        }
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // One that does not fit is over every limit.
            is_number
                .then(|| text.parse::<u32>().unwrap_or(u32::MAX))
                .ok_or_else(|| format!("{}: write a whole number at its end", quoted(entry)))
        };
        if let Some(seconds) = entry.strip_prefix("sleep-") {
            let asked = Duration::from_secs(number(seconds)?.into());
            // Checked here, where the entry can be quoted as it was sent.
            let left = max_delay.saturating_sub(self.sleep);
            if asked > left {
                return Err(self.too_long(entry, left, max_delay));
            }
            self.sleep += asked;
            self.is_any = true;
            return Ok(false);
        }
        if let Some(code) = entry.strip_prefix("error-code-") {
            let code = u8::try_from(number(code)?).ok().and_then(GrpcCode::new);
            let code = code.filter(|code| *code != GrpcCode::OK);
            let code = code.ok_or_else(|| {
                format!("{}: write the number of an error, from 1 to 16", quoted(entry))
            })?;
            self.ends_with(format!("fail(100%, {code})"));
            return Ok(true);
        }
        if let Some(attempt) = entry.strip_prefix("succeed-on-retry-attempt-") {
            let is_this = number(attempt)? == previous_attempts;
            self.is_any |= is_this;
            return Ok(is_this);
        }
        Ok(false)
    }

    /// The sentence about a sleep of which only this much is allowed.
    fn too_long(&self, entry: &str, left: Duration, max_delay: Duration) -> String {
        let (limit, seconds) = (text(max_delay), left.as_secs());
        let before = if self.sleep.is_zero() { "" } else { " with the sleeps before it" };
        let entry = quoted(entry);
        format!(
            "{entry} is over this server's limit of {limit}{before}: write at most sleep-{seconds}"
        )
    }

    fn ends_with(&mut self, fault: String) {
        self.fault = Some(fault);
        self.is_any = true;
    }

    fn into_behavior(self, max_delay: Duration) -> Result<Option<Behavior>, String> {
        if !self.is_any {
            return Ok(None);
        }
        let mut behavior = text(self.sleep);
        if let Some(fault) = self.fault {
            // Writing to a string cannot fail.
            let _ = write!(behavior, "; {fault}");
        }
        let read = Behavior::read(&behavior, &Rules::caller(max_delay));
        read.map(Some).map_err(|why| why.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn of(values: &[&str], previous_attempts: u32) -> Result<Option<String>, String> {
        let read = read(values.iter().copied(), "here", previous_attempts, HOUR)?;
        Ok(read.map(|behavior| behavior.text().to_owned()))
    }

    #[test]
    fn entries_are_read_in_order_until_one_ends_them() {
        for (values, previous, behavior) in [
            (&["sleep-2"][..], 0, Some("2s")),
            (&["sleep-2,sleep-3"], 0, Some("5s")),
            (&["sleep-2", "sleep-3"], 0, Some("5s")),
            (&["sleep-1,error-code-14"], 0, Some("1s; fail(100%, UNAVAILABLE)")),
            (&["error-code-14,sleep-1"], 0, Some("fail(100%, UNAVAILABLE)")),
            (&["keep-open"], 0, Some("hang(100%)")),
            (&["succeed-on-retry-attempt-2,error-code-14"], 0, Some("fail(100%, UNAVAILABLE)")),
            (&["succeed-on-retry-attempt-2,error-code-14"], 1, Some("fail(100%, UNAVAILABLE)")),
            (&["succeed-on-retry-attempt-2,error-code-14"], 2, Some("0s")),
            (&["succeed-on-retry-attempt-2,error-code-14"], 3, Some("fail(100%, UNAVAILABLE)")),
            (&["succeed-on-retry-attempt-2"], 1, None),
            (&["hostname=there sleep-1,hostname=here sleep-2"], 0, Some("2s")),
            (&["hostname=there sleep-1"], 0, None),
            (&["hostname=here"], 0, None),
            (&["sleep-0"], 0, Some("0s")),
            (&["", "fly-away", "Sleep-1"], 0, None),
        ] {
            assert_eq!(of(values, previous).unwrap().as_deref(), behavior, "{values:?} {previous}");
        }
    }

    #[test]
    fn a_sleep_that_is_too_long_is_quoted_as_it_was_sent() {
        for (value, said) in [
            (
                "sleep-3601",
                "`sleep-3601` is over this server's limit of 1h: write at most sleep-3600",
            ),
            (
                "sleep-4294967296",
                "`sleep-4294967296` is over this server's limit of 1h: write at most sleep-3600",
            ),
            (
                "sleep-2000, sleep-2000",
                "`sleep-2000` is over this server's limit of 1h with the sleeps before it: write at \
                 most sleep-1600",
            ),
        ] {
            assert_eq!(of(&[value], 0).unwrap_err(), said);
        }
        assert_eq!(of(&["sleep-2000,sleep-1600"], 0), Ok(Some("1h".to_owned())));
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for value in [
            "sleep-",
            "sleep-1.5",
            "sleep--1",
            "sleep-x",
            "error-code-0",
            "error-code-17",
            "error-code-",
            "succeed-on-retry-attempt-x",
            "sleep-3601",
            "sleep-4294967296",
        ] {
            assert!(of(&[value], 0).is_err(), "{value}");
        }
        // What does not count may say anything.
        assert_eq!(of(&["hostname=there sleep-x"], 0), Ok(None));
        assert_eq!(of(&["keep-open,sleep-x"], 0), Ok(Some("hang(100%)".to_owned())));
    }
}
