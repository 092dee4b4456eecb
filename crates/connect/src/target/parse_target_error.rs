//! Why a text is not the URL of a server, and which URL would be right.

use longsync_text::said::{quoted, shortened};

/// How many characters of a scheme or a port a message repeats.
const MOST_CHARACTERS: usize = 40;

/// The most characters of a host name in DNS (RFC 1035, 2.3.4); a dot may follow them.
pub(super) const LONGEST_HOST: usize = 253;

/// Why a text is not the URL of a server: each message says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTargetError {
    /// The text is empty.
    #[error("the URL is empty: write a URL such as http://127.0.0.1:9000")]
    Empty,
    /// The text contains white space.
    #[error("a URL contains no spaces: write a URL such as http://127.0.0.1:9000")]
    Space,
    /// The URL asks for TLS.
    #[error("{scheme}:// is not supported yet: call a server without TLS, such as {instead}")]
    Tls {
        /// The scheme that asks for TLS, such as `https`.
        scheme: String,
        /// The same server without TLS.
        instead: String,
    },
    /// The URL asks for a socket without a port.
    #[error(
        "{scheme}: is not supported yet: call a server over TCP, such as http://127.0.0.1:9000"
    )]
    Socket {
        /// The scheme, such as `unix`.
        scheme: String,
    },
    /// The text is a name in the form of gRPC libraries.
    #[error("{scheme}: is how gRPC libraries name a server: write the URL {instead}")]
    NameOfGrpc {
        /// The scheme, such as `dns`.
        scheme: String,
        /// What would be right.
        instead: String,
    },
    /// The scheme asks for gRPC, which is called with `http://` here.
    #[error("{scheme}:// is not needed, since gRPC runs over HTTP: write {instead}")]
    Grpc {
        /// The scheme, such as `grpc`.
        scheme: String,
        /// What would be right.
        instead: String,
    },
    /// The URL asks for another protocol.
    #[error(
        "{}:// is not supported: write http://, as in {instead}",
        shortened(scheme, MOST_CHARACTERS)
    )]
    Scheme {
        /// The scheme, such as `ftp`.
        scheme: String,
        /// What would be right.
        instead: String,
    },
    /// `http:` is not followed by exactly two slashes.
    #[error("a URL begins with http:// and the host: write {instead}")]
    Slashes {
        /// What would be right.
        instead: String,
    },
    /// The URL contains a user name, and perhaps a password.
    #[error(
        "user names and passwords are not supported: leave out what comes before the @, as in {instead}"
    )]
    UserInfo {
        /// What would be right.
        instead: String,
    },
    /// The URL has a path.
    #[error("{} is a path, but each call has its own path: write {instead}", quoted(path))]
    Path {
        /// The path, with everything after it.
        path: String,
        /// What would be right.
        instead: String,
    },
    /// The URL has a query.
    #[error("{} is a query, which calls do not use: write {instead}", quoted(query))]
    Query {
        /// The query, starting with its `?`.
        query: String,
        /// What would be right.
        instead: String,
    },
    /// The URL has a fragment.
    #[error("{} is a fragment, which is never sent to a server: write {instead}", quoted(fragment))]
    Fragment {
        /// The fragment, starting with its `#`.
        fragment: String,
        /// What would be right.
        instead: String,
    },
    /// The URL has no host.
    #[error("the host is missing: write {instead}")]
    NoHost {
        /// What would be right for this machine.
        instead: String,
    },
    /// The text has neither a scheme nor a port, so it is unclear which port is meant.
    #[error(
        "{} has no port: write {host}:9000 (the default port of longsync-server) or http://{host} (port 80)",
        quoted(host)
    )]
    NoPort {
        /// The given host.
        host: String,
    },
    /// The text is only a port.
    #[error("{port} is a port without a host: write localhost:{port}")]
    PortAlone {
        /// The port.
        port: u16,
    },
    /// The text after the host's colon is not a port.
    #[error("{why}, as in {host}:9000")]
    Port {
        /// The host.
        host: String,
        /// What is wrong with the port.
        why: ParsePortError,
    },
    /// An IPv6 address lacks its brackets.
    #[error("an IPv6 address needs brackets: write {instead}")]
    NoBrackets {
        /// What would be right.
        instead: String,
    },
    /// An IPv6 address has a zone, which only this machine could interpret.
    #[error(
        "the zone of an IPv6 address, {}, is not supported: write an address that needs none, such as http://[::1]:9000",
        quoted(zone)
    )]
    Zone {
        /// The zone, starting with its `%`.
        zone: String,
    },
    /// The host is longer than any name.
    #[error(
        "a host name has at most {LONGEST_HOST} characters, but {} has {}: write a name or an IP address, as in http://127.0.0.1:9000",
        quoted(host),
        host.chars().count()
    )]
    LongHost {
        /// The host.
        host: String,
    },
    /// The host is not valid.
    #[error(
        "{} is not a host: write a name or an IP address, as in http://127.0.0.1:9000",
        quoted(host)
    )]
    Host {
        /// The invalid host.
        host: String,
    },
}

/// What is wrong with a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParsePortError {
    /// There is no number after the colon.
    #[error("the port after the colon is missing: write a number from 1 to 65535")]
    Missing,
    /// Port 0 is only for listening.
    #[error(
        "port 0 means any free port, and no server listens on it: write the server's actual port, from 1 to 65535"
    )]
    Zero,
    /// It is above the range of ports.
    #[error(
        "port {} is too high: write a number from 1 to 65535",
        shortened(.0, MOST_CHARACTERS)
    )]
    TooHigh(String),
    /// It is not a number.
    #[error("{} is not a port: write a number from 1 to 65535", quoted(.0))]
    NotANumber(String),
}
