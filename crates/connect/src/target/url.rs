//! Reads the URL of a server. Pure.

use std::fmt;
use std::net::Ipv6Addr;

use longsync::DEFAULT_ADDRESS;

use super::parse_target_error::{LONGEST_HOST, ParsePortError, ParseTargetError};

/// Schemes that ask for TLS.
const TLS: [&str; 3] = ["https", "grpcs", "wss"];
/// Schemes of sockets that have no port.
const SOCKETS: [&str; 3] = ["unix", "unix-abstract", "vsock"];
/// Schemes by which gRPC libraries choose a resolver (grpc/doc/naming.md).
const RESOLVERS: [&str; 6] = ["dns", "ipv4", "ipv6", "xds", "google-c2p", "passthrough"];
/// Schemes that ask for gRPC, or for HTTP/2 without TLS.
const GRPC: [&str; 5] = ["grpc", "grpc+http", "h2c", "http2", "tcp"];

/// The authority in the URL of a server: its host and, unless the URL omits it, its port.
pub(super) fn read(text: &str) -> Result<String, ParseTargetError> {
    if text.is_empty() {
        return Err(ParseTargetError::Empty);
    }
    if text.contains(char::is_whitespace) {
        return Err(ParseTargetError::Space);
    }
    let (has_scheme, rest) = without_scheme(text)?;
    let (authority, behind) = split(rest);
    if let Some((_, place)) = authority.rsplit_once('@') {
        return Err(ParseTargetError::UserInfo { instead: suggested(place) });
    }
    let place = Place::read(authority)?;
    nothing_behind(behind, || suggested(authority))?;
    match place.port {
        None if !has_scheme => Err(place.port_is_missing()),
        _ => Ok(place.to_string()),
    }
}

/// Whether the text begins with `http://`, and the rest of it.
fn without_scheme(text: &str) -> Result<(bool, &str), ParseTargetError> {
    if let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
        return match scheme.to_ascii_lowercase() {
            scheme if scheme == "http" && rest.starts_with('/') => {
                Err(ParseTargetError::Slashes { instead: suggested(rest.trim_start_matches('/')) })
            }
            scheme if scheme == "http" => Ok((true, rest)),
            scheme => Err(another(scheme, rest)),
        };
    }
    match text.split_once(':') {
        // A host may have the name of a scheme, and is then followed by its port.
        Some((scheme, rest)) if !is_port(split(rest).0) => match scheme.to_ascii_lowercase() {
            scheme if scheme == "http" => {
                Err(ParseTargetError::Slashes { instead: suggested(rest.trim_start_matches('/')) })
            }
            scheme if is_known(&scheme) => Err(another(scheme, rest)),
            _ => Ok((false, text)),
        },
        _ if text.starts_with("//") => {
            Err(ParseTargetError::Slashes { instead: suggested(text.trim_start_matches('/')) })
        }
        _ => Ok((false, text)),
    }
}

/// The error for a scheme other than `http`.
fn another(scheme: String, rest: &str) -> ParseTargetError {
    let is_among = |schemes: &[&str]| schemes.contains(&scheme.as_str());
    let place = rest.trim_start_matches('/');
    if is_among(&TLS) {
        ParseTargetError::Tls { instead: suggested(place), scheme }
    } else if is_among(&SOCKETS) {
        ParseTargetError::Socket { scheme }
    } else if is_among(&RESOLVERS) {
        // The part before a third slash may be the address of the resolver.
        let endpoint = rest.rsplit('/').next().unwrap_or(place);
        ParseTargetError::NameOfGrpc { instead: suggested(endpoint), scheme }
    } else if is_among(&GRPC) {
        ParseTargetError::Grpc { instead: suggested(place), scheme }
    } else {
        // Three slashes precede a file, as in `file:///etc/hosts`, and not a host.
        let place = if rest.starts_with('/') { "" } else { place };
        ParseTargetError::Scheme { instead: suggested(place), scheme }
    }
}

fn is_known(scheme: &str) -> bool {
    [&TLS[..], &SOCKETS, &RESOLVERS, &GRPC].concat().contains(&scheme)
}

/// Whether it has the form of a scheme (RFC 3986, section 3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|each| each.is_ascii_alphanumeric() || "+-.".contains(each))
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|each| each.is_ascii_digit())
}

/// The authority, and the text after it.
fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()))
}

/// Checks that the URL ends here; a single slash may still follow.
fn nothing_behind(behind: &str, instead: impl Fn() -> String) -> Result<(), ParseTargetError> {
    let rest = behind.strip_prefix('/').unwrap_or(behind);
    match rest.chars().next() {
        None => Ok(()),
        Some('?') => Err(ParseTargetError::Query { query: rest.to_owned(), instead: instead() }),
        Some('#') => {
            Err(ParseTargetError::Fragment { fragment: rest.to_owned(), instead: instead() })
        }
        Some(_) => Err(ParseTargetError::Path { path: behind.to_owned(), instead: instead() }),
    }
}

/// The URL that a text in place of an authority probably means; if it is not one, that of this machine's
/// server.
fn suggested(text: &str) -> String {
    let authority = split(text).0;
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    match Place::read(place) {
        Ok(Place { host, port }) => {
            format!("http://{}", Place { host, port: port.or(Some(DEFAULT_ADDRESS.port())) })
        }
        Err(ParseTargetError::NoBrackets { instead }) => instead,
        Err(_) => format!("http://{DEFAULT_ADDRESS}"),
    }
}

/// A host, including brackets if it has them, and perhaps a port.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Place<'a> {
    fn read(authority: &'a str) -> Result<Self, ParseTargetError> {
        without_zone(authority)?;
        without_brackets(authority)?;
        let end = match authority.rfind(']') {
            Some(bracket) => bracket + 1,
            None => authority.rfind(':').unwrap_or(authority.len()),
        };
        let (host, behind) = authority.split_at(end);
        let not_a_host = || ParseTargetError::Host { host: host.to_owned() };
        let port = match behind.strip_prefix(':') {
            Some(port) => Some(port),
            None if behind.is_empty() => None,
            None => return Err(ParseTargetError::Host { host: authority.to_owned() }),
        };
        if host.is_empty() {
            return Err(without_host(port));
        }
        let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => is_name(host),
        };
        if !is_host {
            return Err(not_a_host());
        }
        if host.strip_suffix('.').unwrap_or(host).len() > LONGEST_HOST {
            return Err(ParseTargetError::LongHost { host: host.to_owned() });
        }
        let wrong = |why| ParseTargetError::Port { host: host.to_owned(), why };
        Ok(Self { host, port: port.map(read_port).transpose().map_err(wrong)? })
    }

    /// It is unclear which port is meant: 80, as in URLs, or that of our servers.
    fn port_is_missing(self) -> ParseTargetError {
        match read_port(self.host) {
            Ok(port) => ParseTargetError::PortAlone { port },
            Err(_) => ParseTargetError::NoPort { host: self.host.to_owned() },
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(self.host),
        }
    }
}

/// Whether this is the name of a host, or an IPv4 address, which looks the same: words with hyphens and
/// underscores, with dots between them. A dot may follow the last word.
fn is_name(host: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
            && word.bytes().all(|each| each.is_ascii_alphanumeric() || b"-_".contains(&each))
    };
    host.strip_suffix('.').unwrap_or(host).split('.').all(is_word)
}

/// Refuses an IPv6 address with a zone, with or without brackets.
fn without_zone(authority: &str) -> Result<(), ParseTargetError> {
    let Some(at) = authority.find('%') else { return Ok(()) };
    let (address, zone) = authority.split_at(at);
    if address.trim_start_matches('[').parse::<Ipv6Addr>().is_err() {
        return Ok(());
    }
    let zone = &zone[..zone.find([']', ':']).unwrap_or(zone.len())];
    Err(ParseTargetError::Zone { zone: zone.to_owned() })
}

/// Refuses an IPv6 address without brackets: its last group may be meant as a port.
fn without_brackets(authority: &str) -> Result<(), ParseTargetError> {
    let is_address = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    let with_port = authority.rsplit_once(':').filter(|(host, port)| {
        // `::1:9000` is an address too, but is more often meant with a port.
        is_address(host) && port.len() > 3 && read_port(port).is_ok()
    });
    let place = match with_port {
        Some((host, port)) => format!("[{host}]:{port}"),
        None if is_address(authority) => format!("[{authority}]:{}", DEFAULT_ADDRESS.port()),
        None => return Ok(()),
    };
    Err(ParseTargetError::NoBrackets { instead: format!("http://{place}") })
}

/// Otherwise an unset variable would mean that this machine is called.
fn without_host(port: Option<&str>) -> ParseTargetError {
    let port = port.and_then(|port| read_port(port).ok()).unwrap_or(DEFAULT_ADDRESS.port());
    ParseTargetError::NoHost { instead: format!("http://{}:{port}", DEFAULT_ADDRESS.ip()) }
}

fn read_port(text: &str) -> Result<u16, ParsePortError> {
    if text.is_empty() {
        return Err(ParsePortError::Missing);
    }
    if !is_port(text) {
        return Err(ParsePortError::NotANumber(text.to_owned()));
    }
    match text.parse() {
        Ok(0) => Err(ParsePortError::Zero),
        Ok(port) => Ok(port),
        Err(_) => Err(ParsePortError::TooHigh(text.to_owned())),
    }
}
