//! Payloads that were probably meant as something else.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};

use super::line::has_long;

/// Refuses payloads that are valid but were probably meant otherwise: in wrk, bombardier and k6, `-d 30s` is
/// the duration of a run, and in grpcurl and ghz, `-d '{"delay": "1s"}'` is the request.
///
/// # Errors
/// If there is such a payload.
pub(in crate::args) fn check(
    command: &Command,
    matches: &ArgMatches,
    given: &[OsString],
) -> Result<(), clap::Error> {
    let called = matches.subcommand_name().and_then(|name| command.find_subcommand(name));
    let Some(called) = called.filter(|called| has_long(called, "payload")) else { return Ok(()) };
    let runs = has_long(called, "duration");
    match short_values(given, 'd').find_map(|value| mistaken_payload(value, runs)) {
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
    let is_request = !fields.is_empty() && fields.keys().all(|key| is_field(key));
    is_request.then(|| FIELDS.to_owned())
}

/// Whether requests of the contract have a field with this name, as protobuf or JSON spells it.
fn is_field(name: &str) -> bool {
    const FIELDS: [&str; 8] =
        ["delay", "behavior", "payload", "echopayload", "responsebytes", "callid", "id", "count"];
    FIELDS.contains(&&*name.replace('_', "").to_ascii_lowercase())
}

/// The values of a short flag, as they were typed.
fn short_values(given: &[OsString], short: char) -> impl Iterator<Item = &str> {
    given.iter().enumerate().filter_map(move |(index, text)| {
        let rest = text.to_str()?.strip_prefix('-')?.strip_prefix(short)?;
        if rest.is_empty() {
            given.get(index + 1)?.to_str()
        } else {
            Some(rest.trim_start_matches('='))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_a_short_flag_are_found_however_they_are_typed() {
        let line = ["client", "load", "-d", "a", "--delay", "1s", "-db", "-d=c", "-D", "x", "-d"];
        let line = line.map(OsString::from);
        assert_eq!(short_values(&line, 'd').collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn a_duration_is_refused_only_if_the_command_runs_for_one_and_json_only_if_it_has_request_fields()
     {
        let is_mistaken = |text, runs| mistaken_payload(text, runs).is_some();
        assert!(is_mistaken("30s", true) && is_mistaken("1m30s", true));
        for text in ["30s", "x", "0", "{}", "[]", "1", r#"{"a": 1}"#, r#"{"delay": 1, "a": 1}"#] {
            assert!(!is_mistaken(text, false), "{text}");
        }
        assert!(!is_mistaken("0", true));
        for text in [r#"{"delay": "1s"}"#, r#"{"call_id": "a", "echoPayload": true}"#] {
            assert!(is_mistaken(text, true) && is_mistaken(text, false), "{text}");
        }
    }
}
