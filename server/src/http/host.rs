//! Which name a request knows this server by (RFC 9112, section 3.2).

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
            Some("the Host is not valid: send a name or an address, and a port if need be\n")
        }
    }
}

/// The name and the port by which a request calls this server: those of its target take precedence over
/// `Host`. It can be called again: all addresses are not one.
pub(crate) fn authority<B>(request: &Request<B>) -> Option<Cow<'_, str>> {
    let target = request.uri().authority().map(Authority::as_str);
    // What stands before an `@` is for nobody's eyes.
    let target = target.map(|target| target.rsplit_once('@').map_or(target, |(_, host)| host));
    let host = || request.headers().get(header::HOST).filter(|host| is_host(host));
    target.or_else(|| host()?.to_str().ok().filter(|host| !host.is_empty())).map(callable)
}

/// `0.0.0.0` and `[::]` reach the machine on which they are called, and are misread on any other.
fn callable(authority: &str) -> Cow<'_, str> {
    let after_address = authority.rfind(']').unwrap_or(0);
    let port =
        authority[after_address..].find(':').map_or(authority.len(), |at| after_address + at);
    let (host, port) = authority.split_at(port);
    match host.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(ip) if longsync::callable(ip) != ip => match longsync::callable(ip) {
            IpAddr::V4(ip) => format!("{ip}{port}").into(),
            IpAddr::V6(ip) => format!("[{ip}]{port}").into(),
        },
        _ => authority.into(),
    }
}

/// The name and the port by which commands can call this server as the caller of this request did; `ADDRESS` if
/// it has named none, or one that would mean something else to a shell.
pub(crate) fn to_call<B>(request: &Request<B>) -> Cow<'_, str> {
    let named = authority(request).filter(|authority| authority.bytes().all(is_harmless));
    named.unwrap_or(Cow::Borrowed("ADDRESS"))
}

/// What shells take as it stands.
fn is_harmless(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._:[]%".contains(&byte)
}

/// `uri-host [ ":" port ]`, any part of which may be empty (RFC 3986, section 3.2).
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

/// What may stand in brackets: an IPv6 address, or one of a future version.
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

/// A registered name, or an IPv4 address, which is written with the same characters.
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

/// The unreserved characters and the sub-delims.
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
    fn names_and_addresses_are_hosts() {
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
    fn a_name_that_is_called_again_is_never_all_addresses() {
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
    fn anything_else_is_not_a_host() {
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
    fn commands_name_an_address_that_can_be_called_and_nothing_else() {
        for (host, shown) in [
            ("localhost:9000", "localhost:9000"),
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("example.test", "example.test"),
            ("[::1]:9000", "[::1]:9000"),
            ("0.0.0.0:9000", "127.0.0.1:9000"),
            ("[::]:9000", "[::1]:9000"),
            ("", "ADDRESS"),
            ("a'$(b)'.test:9000", "ADDRESS"),
            ("a;b", "ADDRESS"),
            ("a&b", "ADDRESS"),
            ("<a>", "ADDRESS"),
        ] {
            let request = Request::builder().uri("/").header(header::HOST, host).body(()).unwrap();
            assert_eq!(to_call(&request), shown, "{host}");
        }
        assert_eq!(to_call(&Request::new(())), "ADDRESS");
    }

    proptest! {
        /// Whatever is sent as a host, no character of what is shown acts in a shell or in HTML.
        #[test]
        fn what_is_shown_is_harmless(host in "[ -~]{0,24}") {
            let request = Request::builder().uri("/").header(header::HOST, host).body(()).unwrap();
            prop_assert!(to_call(&request).bytes().all(is_harmless));
        }

        /// Whatever is the authority of a URI without a user is a host.
        #[test]
        fn an_authority_is_a_host(host in "[a-z0-9.-]{1,12}(:[0-9]{0,5})?") {
            prop_assert!(is_valid(host.as_bytes()));
        }

        /// Bytes of any kind are judged; nothing panics.
        #[test]
        fn any_bytes_are_judged(host in proptest::collection::vec(any::<u8>(), 0..12)) {
            is_valid(&host);
        }
    }
}
