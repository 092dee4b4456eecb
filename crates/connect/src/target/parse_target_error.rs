//! Why a text is not the URL of a server, and what would be.

use longsync_text::said::quoted;

/// Why a text is not the URL of a server: each sentence says what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTargetError {
    /// There is no text.
    #[error("the URL is empty: write one such as http://127.0.0.1:9000")]
    Empty,
    /// There is white space in it.
    #[error("a URL has no spaces: write one such as http://127.0.0.1:9000")]
    Space,
    /// TLS is asked for.
    #[error("{scheme}:// is not supported yet: call a server without TLS, such as {instead}")]
    Tls {
        /// The scheme that asks for it, such as `https`.
        scheme: String,
        /// The same server without TLS.
        instead: String,
    },
    /// A socket that has no port is asked for.
    #[error(
        "{scheme}: is not supported yet: call a server over TCP, such as http://127.0.0.1:9000"
    )]
    Socket {
        /// The scheme that asks for it, such as `unix`.
        scheme: String,
    },
    /// It is how libraries of gRPC name a server.
    #[error("{scheme}: is how libraries of gRPC name a server: write the URL {instead}")]
    NameOfGrpc {
        /// The scheme, such as `dns`.
        scheme: String,
        /// What would be right.
        instead: String,
    },
    /// gRPC is asked for by a scheme, and HTTP/2 carries it.
    #[error("{scheme}:// is written http:// here, as HTTP/2 carries gRPC: write {instead}")]
    Grpc {
        /// The scheme, such as `grpc`.
        scheme: String,
        /// What would be right.
        instead: String,
    },
    /// Another protocol is asked for.
    #[error("{}:// is not supported: write http://, as in {instead}", quoted(scheme))]
    Scheme {
        /// The scheme, such as `ftp`.
        scheme: String,
        /// What would be right.
        instead: String,
    },
    /// The slashes of `http://` are not the two of a URL.
    #[error("a URL begins with http:// and the host: write {instead}")]
    Slashes {
        /// What would be right.
        instead: String,
    },
    /// There is a user name, and perhaps a password.
    #[error(
        "user names and passwords are not supported: leave out what comes before the @, as in {instead}"
    )]
    UserInfo {
        /// What would be right.
        instead: String,
    },
    /// There is a path.
    #[error("{} is a path, and each call has its own: write {instead}", quoted(path))]
    Path {
        /// The path, with what follows it.
        path: String,
        /// What would be right.
        instead: String,
    },
    /// There is a query.
    #[error("{} is a query, which calls have no use for: write {instead}", quoted(query))]
    Query {
        /// The query, from its `?` on.
        query: String,
        /// What would be right.
        instead: String,
    },
    /// There is a fragment.
    #[error("{} is a fragment, which is never sent to a server: write {instead}", quoted(fragment))]
    Fragment {
        /// The fragment, from its `#` on.
        fragment: String,
        /// What would be right.
        instead: String,
    },
    /// There is no host.
    #[error("the host is missing: write {instead}")]
    NoHost {
        /// What would be right for this machine.
        instead: String,
    },
    /// Neither a scheme nor a port is given, which leaves open which port is meant.
    #[error(
        "{} has no port: write {host}:9000 (where longsync-server listens by default) or http://{host} (port 80)",
        quoted(host)
    )]
    NoPort {
        /// The host that is given.
        host: String,
    },
    /// A port alone is given.
    #[error("{port} is a port without a host: write localhost:{port}")]
    PortAlone {
        /// The port.
        port: u16,
    },
    /// What follows the host's colon is not a port.
    #[error("{why}, as in {host}:9000")]
    Port {
        /// The host.
        host: String,
        /// What is wrong with the port.
        why: ParsePortError,
    },
    /// An IPv6 address stands without its brackets.
    #[error("an IPv6 address stands in brackets: write {instead}")]
    NoBrackets {
        /// What would be right.
        instead: String,
    },
    /// What should be the host is not one.
    #[error(
        "{} is not a host: write a name or an IP address, as in http://127.0.0.1:9000",
        quoted(host)
    )]
    Host {
        /// What there is instead.
        host: String,
    },
}

/// What is wrong with a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParsePortError {
    /// There is none after the colon.
    #[error("the port after the colon is missing: write a number from 1 to 65535")]
    Missing,
    /// Zero is for those who listen.
    #[error(
        "port 0 stands for any free port, and nothing listens on it: write the server's own, from 1 to 65535"
    )]
    Zero,
    /// It is higher than ports are.
    #[error("port {0} is too high: write a number from 1 to 65535")]
    TooHigh(String),
    /// It is not a number.
    #[error("{} is not a port: write a number from 1 to 65535", quoted(.0))]
    NotANumber(String),
}
