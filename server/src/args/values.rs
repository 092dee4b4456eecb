//! Parsers for the values of flags.

use std::net::{SocketAddr, ToSocketAddrs};
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use longsync_server::MOST_WORKERS;
use longsync_text::{ParseRateError, Rate, quoted};
use longsync_timer::check_spin;

const MOST_U32: u64 = u32::MAX as u64;
const MOST_SIZE: u64 = usize::MAX as u64;

/// Parses a whole number from `least` to `most`, which must fit into `N`.
fn whole<N: FromStr>(text: &str, least: u64, most: u64) -> Result<N, String> {
    // Rust's parser also accepts a plus sign.
    let has_sign = text.starts_with('+');
    let is_in_range = text.parse().is_ok_and(|number: u64| (least..=most).contains(&number));
    let number = text.parse().ok().filter(|_| is_in_range && !has_sign);
    number.ok_or_else(|| {
        format!("write a whole number from {least} to {most}, without a sign or a unit")
    })
}

/// Parses a whole number from 1 to `most`, which must fit into `N`; `why` says what is wrong with zero.
fn above_zero<N: FromStr>(text: &str, most: u64, why: &str) -> Result<N, String> {
    whole(text, 1, most).map_err(|right| {
        let is_zero = whole::<u64>(text, 0, 0).is_ok();
        if is_zero { format!("{why}: {right}") } else { right }
    })
}

/// Parses the variable of a flag that takes no value.
pub(super) fn switch(text: &str) -> Result<bool, &'static str> {
    match text.to_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err("write true or false"),
    }
}

pub(super) fn on_or_off(text: &str) -> Result<bool, &'static str> {
    switch(text).map_err(|_| "write on or off")
}

pub(super) fn seed(text: &str) -> Result<u64, String> {
    whole(text, 0, u64::MAX)
}

pub(super) fn workers(text: &str) -> Result<NonZeroUsize, String> {
    whole(text, 1, MOST_WORKERS as u64)
}

pub(super) fn message_bytes(text: &str) -> Result<u32, String> {
    above_zero(text, MOST_U32, "only an empty request fits into 0 bytes")
}

pub(super) fn count(text: &str) -> Result<u32, String> {
    above_zero(text, MOST_U32, "a stream needs at least one answer")
}

/// Zero is allowed: answers without a payload.
pub(super) fn response_bytes(text: &str) -> Result<u32, String> {
    whole(text, 0, MOST_U32)
}

pub(super) fn unanswered(text: &str) -> Result<NonZeroUsize, String> {
    above_zero(text, MOST_SIZE, "with 0, no message of an exchange would ever be read")
}

pub(super) fn streams(text: &str) -> Result<NonZeroU32, String> {
    above_zero(text, MOST_U32, "with 0 streams, no call could be made")
}

pub(super) fn in_flight(text: &str) -> Result<u64, String> {
    above_zero(text, u64::MAX, "with 0, every call would be refused")
}

pub(super) fn buffered_bytes(text: &str) -> Result<u64, String> {
    above_zero(text, u64::MAX, "no answer fits into 0 bytes")
}

pub(super) fn connections(text: &str) -> Result<NonZeroUsize, String> {
    above_zero(text, MOST_SIZE, "with 0 connections, no client could be served")
}

/// Parses a time limit, which must not be zero.
pub(super) fn time_limit(text: &str) -> Result<Duration, String> {
    let limit = longsync_text::duration::parse(text).map_err(|error| error.to_string())?;
    if limit.is_zero() {
        return Err(
            "nothing can arrive in no time: write a duration above 0s, such as 10s".to_owned()
        );
    }
    Ok(limit)
}

pub(super) fn spin(text: &str) -> Result<Duration, String> {
    let spin = longsync_text::duration::parse(text).map_err(|error| error.to_string())?;
    check_spin(spin).map_err(|error| error.to_string())
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    whole(text, 0, u16::MAX.into()).map_err(|_| {
        let why = if text.starts_with("tcp://") { KUBERNETES } else { "" };
        format!("{why}write a port from 0 to 65535; 0 picks a free port")
    })
}

const KUBERNETES: &str = "Kubernetes sets this if a service is named longsync: rename the service, or set \
                          enableServiceLinks to false in the pod; or ";

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let resolved = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    resolved.ok_or_else(|| {
        format!("{} is not an address to listen on: {}", quoted(text), an_address(text))
    })
}

/// The suggestion for a text that is not an address.
fn an_address(text: &str) -> String {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    match port.parse::<u16>() {
        Ok(port) if host.is_empty() => {
            format!("write localhost:{port}, or 0.0.0.0:{port} for all interfaces")
        }
        _ if text.parse::<u16>().is_ok() => format!("write localhost:{text}, or --port {text}"),
        _ => "write an address such as 127.0.0.1:9000 or localhost:9000".to_owned(),
    }
}

/// Parses a rate at which calls arrive.
pub(super) fn load(text: &str) -> Result<Rate, String> {
    let rate: Rate = text.parse().map_err(|why: ParseRateError| why.to_string())?;
    if rate.is_zero() {
        return Err(
            "without calls there is nothing to forecast: write a rate such as 800/s".to_owned()
        );
    }
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_accepted_within_their_limits_only() {
        assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(message_bytes("4294967295"), Ok(u32::MAX));
        assert_eq!(response_bytes("0"), Ok(0));
        assert_eq!(workers("1024").map(NonZeroUsize::get), Ok(1_024));
        assert_eq!(port("65535"), Ok(65_535));
        assert_eq!(spin("20ms"), Ok(Duration::from_millis(20)));
        for (refused, right) in [
            (seed("18446744073709551616"), "from 0 to 18446744073709551615"),
            (response_bytes("4294967296").map(u64::from), "from 0 to 4294967295"),
            (
                message_bytes("0").map(u64::from),
                "only an empty request fits into 0 bytes: write a whole",
            ),
            (
                message_bytes("00").map(u64::from),
                "only an empty request fits into 0 bytes: write a whole",
            ),
            (count("0").map(u64::from), "from 1 to 4294967295"),
            (seed("+5"), "without a sign or a unit"),
            (seed("-5"), "without a sign or a unit"),
            (seed(""), "without a sign or a unit"),
            (seed("5MiB"), "without a sign or a unit"),
            (seed("\u{665}"), "without a sign or a unit"),
        ] {
            let why = refused.unwrap_err();
            assert!(why.contains(right), "{why}");
        }
    }

    #[test]
    fn an_invalid_address_is_refused_with_a_suggestion() {
        for (text, right) in [
            ("9000", "write localhost:9000, or --port 9000"),
            (":9000", "write localhost:9000, or 0.0.0.0:9000 for all interfaces"),
            (":99999", "write an address such as 127.0.0.1:9000 or localhost:9000"),
            ("127.0.0.1", "write an address such as 127.0.0.1:9000 or localhost:9000"),
            ("", "write an address such as 127.0.0.1:9000 or localhost:9000"),
        ] {
            let why = address(text).unwrap_err();
            assert!(why.ends_with(right), "{why}");
        }
    }
}
