//! The name by which a request addresses this server (RFC 9112, section 3.2).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use http::uri::Authority;
use http::{HeaderValue, Request, Version, header};

/// What is wrong with the `Host` of an HTTP/1.1 request, in one sentence.
pub(crate) fn fault<B>(request: &Request<B>) -> Option<&'static str> {
    if request.version() > Version::HTTP_11 {
        return None;
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() < Version::HTTP_11 => None,
        (None, _) => Some("the request has no Host: send one, as HTTP/1.1 requires\n"),
        (Some(_), Some(_)) => Some("the request has more than one Host: send one\n"),
        (Some(host), None) if is_host(host) => None,
        (Some(_), None) => {
            Some("the Host is not valid: send a name or an address, with a port if needed\n")
        }
    }
}

/// The name and the port by which a request addresses this server: those of the request target take
/// precedence over `Host`. An unspecified address is replaced with loopback. The name may be empty.
pub(crate) fn authority<B>(request: &Request<B>) -> Option<Cow<'_, str>> {
    let target = request.uri().authority().map(Authority::as_str);
    // The part before an `@` may be a password.
    let target = target.map(|target| target.rsplit_once('@').map_or(target, |(_, host)| host));
    let host = || request.headers().get(header::HOST).filter(|host| is_host(host));
    target.or_else(|| host()?.to_str().ok().filter(|host| !host.is_empty())).map(callable)
}

/// Replaces `0.0.0.0` and `[::]`, which reach the caller's own machine and are misleading on any other.
fn callable(authority: &str) -> Cow<'_, str> {
    let (host, port) = split_port(authority);
    match host.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(ip) if longsync::callable(ip) != ip => match longsync::callable(ip) {
            IpAddr::V4(ip) => format!("{ip}{port}").into(),
            IpAddr::V6(ip) => format!("[{ip}]{port}").into(),
        },
        _ => authority.into(),
    }
}

/// The name and the port under which commands can reach this server as this request did; `ADDRESS` if
/// the request names no host, or one that a command cannot contain.
pub(crate) fn to_call<B>(request: &Request<B>) -> Cow<'_, str> {
    authority(request).filter(|authority| is_safe(authority)).unwrap_or(Cow::Borrowed("ADDRESS"))
}

/// The longest host and port in bytes that a command shows: the names of most hosts are shorter, and the page,
/// which repeats it, stays below 30 KB.
const LONGEST_SHOWN: usize = 90;

/// Whether this names a host and a port that can be called, and can be a word of a command: within quotes,
/// since brackets are patterns to a shell.
fn is_safe(authority: &str) -> bool {
    // A program would take a word that begins with a hyphen for a flag.
    !authority.is_empty()
        && authority.len() <= LONGEST_SHOWN
        && !authority.starts_with(['-', ':'])
        && authority.bytes().all(is_harmless)
        && is_port_of_a_server(split_port(authority).1)
}

/// Whether this is a colon with the port of a server; either the port or both may be missing.
fn is_port_of_a_server(port: &str) -> bool {
    match port.strip_prefix(':') {
        None | Some("") => true,
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
    }
}

/// A host, and its port with the colon, or nothing.
fn split_port(authority: &str) -> (&str, &str) {
    let after_address = authority.rfind(']').unwrap_or(0);
    let port =
        authority[after_address..].find(':').map_or(authority.len(), |at| after_address + at);
    authority.split_at(port)
}

/// Whether a byte has no special meaning in quotes or in HTML, and, except for brackets, none to a shell.
fn is_harmless(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._:[]%".contains(&byte)
}

/// Whether this is `uri-host [ ":" port ]`, either of which may be empty (RFC 3986, section 3.2).
fn is_host(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let (host, port) = match text.strip_prefix('[') {
        Some(literal) => match literal.split_once(']') {
            Some((address, after)) if is_literal(address) => ("", after),
            _ => return false,
        },
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    is_name(host) && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// Whether this is valid in brackets: an IPv6 address, or one of a future version.
fn is_literal(address: &str) -> bool {
    let is_future = |rest: &str| {
        rest.split_once('.').is_some_and(|(version, address)| {
            !version.is_empty()
                && version.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !address.is_empty()
                && address.bytes().all(|byte| byte == b':' || is_plain(byte))
        })
    };
    address.parse::<Ipv6Addr>().is_ok() || address.strip_prefix(['v', 'V']).is_some_and(is_future)
}

/// Whether this is a registered name, or an IPv4 address, which uses the same characters.
fn is_name(host: &str) -> bool {
    let mut bytes = host.bytes();
    let is_hex =
        |bytes: &mut std::str::Bytes<'_>| bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
    while let Some(byte) = bytes.next() {
        let is_right = match byte {
            b'%' => is_hex(&mut bytes) && is_hex(&mut bytes),
            byte => is_plain(byte),
        };
        if !is_right {
            return false;
        }
    }
    true
}

/// Whether this is an unreserved character or a sub-delim.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_valid(host: &[u8]) -> bool {
        HeaderValue::from_bytes(host).is_ok_and(|host| is_host(&host))
    }

    #[test]
    fn names_and_addresses_are_valid_hosts() {
        for host in [
            "",
            "localhost",
            "localhost:9000",
            "127.0.0.1",
            "127.0.0.1:",
            "[::1]",
            "[::1]:9000",
            "[fe80::1]",
            "[v1.a:b]:80",
            "a_b.example",
            "caf%C3%A9.example",
            ":80",
            "x,y",
        ] {
            assert!(is_valid(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn an_unspecified_address_is_replaced_with_loopback() {
        for (authority, called) in [
            ("0.0.0.0:9000", "127.0.0.1:9000"),
            ("0.0.0.0", "127.0.0.1"),
            ("[::]:9000", "[::1]:9000"),
            ("[::]", "[::1]"),
            ("[::ffff:0.0.0.0]:80", "127.0.0.1:80"),
            ("localhost:9000", "localhost:9000"),
            ("127.0.0.1:", "127.0.0.1:"),
            ("[::1]:9000", "[::1]:9000"),
            (":80", ":80"),
            ("", ""),
        ] {
            assert_eq!(callable(authority), called, "{authority}");
        }
    }

    #[test]
    fn anything_else_is_not_a_valid_host() {
        for host in [
            &b"a b"[..],
            b"user@host",
            b"host/path",
            b"http://host",
            b"host:http",
            b"host:80:80",
            b"::1",
            b"[::1",
            b"[host]",
            b"[::1]x",
            b"caf\xc3\xa9",
            b"a%2",
            b"a%zz",
            b"a\"b",
            b"[v.a]",
            b"host?",
            b"host#",
            b"a\\b",
            b"<a>",
        ] {
            assert!(!is_valid(host), "{}", String::from_utf8_lossy(host));
        }
    }

    #[test]
    fn commands_name_a_callable_address_that_is_safe_in_a_shell() {
        let longest = "a".repeat(LONGEST_SHOWN);
        for (host, shown) in [
            ("localhost:9000", "localhost:9000"),
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("example.test", "example.test"),
            ("[::1]:9000", "[::1]:9000"),
            ("0.0.0.0:9000", "127.0.0.1:9000"),
            ("[::]:9000", "[::1]:9000"),
            ("", "ADDRESS"),
            (":80", "ADDRESS"),
            ("-n", "ADDRESS"),
            ("--proxy:80", "ADDRESS"),
            ("a'$(b)'.test:9000", "ADDRESS"),
            ("a;b", "ADDRESS"),
            ("a&b", "ADDRESS"),
            ("<a>", "ADDRESS"),
            ("localhost:65535", "localhost:65535"),
            ("localhost:", "localhost:"),
            ("localhost:65536", "ADDRESS"),
            ("localhost:99999999", "ADDRESS"),
            ("[::1]:0", "ADDRESS"),
            (&longest, &longest),
            (&format!("{longest}a"), "ADDRESS"),
            (&"a".repeat(70_000), "ADDRESS"),
        ] {
            let request = Request::builder().uri("/").header(header::HOST, host).body(()).unwrap();
            assert_eq!(to_call(&request), shown, "{host}");
        }
        assert_eq!(to_call(&Request::new(())), "ADDRESS");
    }

    proptest! {
        /// No `Host` gets a character that is special in quotes or in HTML into the commands, and none is
        /// taken for a flag.
        #[test]
        fn the_shown_address_is_harmless(host in "[ -~]{0,24}") {
            let request = Request::builder().uri("/").header(header::HOST, host).body(()).unwrap();
            let shown = to_call(&request);
            prop_assert!(shown.bytes().all(is_harmless) && !shown.starts_with('-'), "{}", shown);
        }

        /// A host of any length and any port get at most the longest name into the commands, with a port that
        /// exists.
        #[test]
        fn the_shown_address_is_short(length in 1_usize..600, port in 0_u32..200_000) {
            let host = format!("{}:{port}", "a".repeat(length));
            let request = Request::builder().uri("/").header(header::HOST, &host).body(()).unwrap();
            let is_callable = (1..=65_535).contains(&port) && host.len() <= LONGEST_SHOWN;
            prop_assert_eq!(to_call(&request), if is_callable { &*host } else { "ADDRESS" });
        }

        /// Every authority of a URI without user information is a valid host.
        #[test]
        fn an_authority_is_a_host(host in "([a-z0-9.-]{1,12}|\\[::[0-9a-f]{1,4}\\])(:[0-9]{1,4})?") {
            let uri: http::Uri = format!("http://{host}/").parse().unwrap();
            let authority = uri.authority().unwrap().as_str();
            prop_assert_eq!(authority, host);
            prop_assert!(is_valid(authority.as_bytes()));
        }

        /// No bytes cause a panic.
        #[test]
        fn no_bytes_cause_a_panic(host in proptest::collection::vec(any::<u8>(), 0..12)) {
            is_valid(&host);
        }
    }
}
