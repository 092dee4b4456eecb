//! Payloads that were probably meant as something else.

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};
use longsync_flags::CommandLine;

use super::tips::has_long;

/// The fields of the contract's requests, in lower case and without underscores, since protobuf and JSON
/// spell them differently.
const FIELDS_OF_REQUESTS: [&str; 8] =
    ["delay", "behavior", "payload", "echopayload", "responsebytes", "callid", "id", "count"];

/// Refuses payloads that are valid but were probably meant otherwise: in wrk, bombardier and k6, `-d 30s` is
/// the duration of a run, and in grpcurl and ghz, `-d '{"delay": "1s"}'` is the request.
///
/// # Errors
/// If there is such a payload.
pub(super) fn check(
    command: &Command,
    matches: &ArgMatches,
    line: &CommandLine,
) -> Result<(), clap::Error> {
    let called = matches.subcommand_name().and_then(|name| command.find_subcommand(name));
    let Some(called) = called.filter(|called| has_long(called, "payload")) else { return Ok(()) };
    let runs = has_long(called, "duration");
    match line.values_of("-d").iter().find_map(|value| mistaken_payload(value, runs)) {
        Some(why) => Err(called.clone().error(ErrorKind::ValueValidation, why)),
        None => Ok(()),
    }
}

/// The error for a payload that looks like something else.
fn mistaken_payload(text: &str, runs: bool) -> Option<String> {
    const FIELDS: &str = "-d would send this JSON as the payload, not as the fields of the request: write \
                          the fields as flags, such as --delay 250ms, or send this text with --payload";
    let has_unit = text.ends_with(char::is_alphabetic);
    if runs && has_unit && longsync_text::duration::parse(text).is_ok() {
        return Some(format!(
            "-d {text} would send `{text}` as the payload of each call: for a run of {text} write `-z \
             {text}`, for this payload `--payload {text}`"
        ));
    }
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    let names: Vec<_> =
        fields.keys().map(|key| key.replace('_', "").to_ascii_lowercase()).collect();
    // Other objects, such as `{"id": 7}`, are plausible payloads even if all their names are fields.
    let says_how_long = names.iter().any(|name| ["delay", "behavior"].contains(&&**name));
    let is_request =
        says_how_long && names.iter().all(|name| FIELDS_OF_REQUESTS.contains(&&**name));
    is_request.then(|| FIELDS.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_refused_only_if_the_command_runs_for_one_and_json_only_if_it_has_request_fields()
     {
        let is_mistaken = |text, runs| mistaken_payload(text, runs).is_some();
        assert!(is_mistaken("30s", true) && is_mistaken("1m30s", true));
        for text in ["30s", "x", "0", "{}", "[]", "1", r#"{"a": 1}"#, r#"{"delay": 1, "a": 1}"#] {
            assert!(!is_mistaken(text, false), "{text}");
        }
        for text in [r#"{"id": 7}"#, r#"{"count": 3}"#, r#"{"payload": "x", "call_id": "a"}"#] {
            assert!(!is_mistaken(text, true) && !is_mistaken(text, false), "{text}");
        }
        assert!(!is_mistaken("0", true));
        for text in [
            r#"{"delay": "1s"}"#,
            r#"{"behavior": "1s", "call_id": "a", "echoPayload": true}"#,
            r#"{"DELAY": "1s", "count": 3, "id": 7, "responseBytes": 1}"#,
        ] {
            assert!(is_mistaken(text, true) && is_mistaken(text, false), "{text}");
        }
    }
}
