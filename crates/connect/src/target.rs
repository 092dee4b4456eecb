//! The server to call.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};

/// A server's address, as a URL such as `http://127.0.0.1:9000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    authority: Authority,
    origin: Uri,
}

/// Why a text is not a target, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTargetError {
    /// TLS is asked for.
    #[error(
        "https:// is not supported yet: call a server without TLS, such as http://127.0.0.1:9000"
    )]
    Tls,
    /// It is not the URL of a server.
    #[error("`{0}` is not the URL of a server: write one such as http://127.0.0.1:9000")]
    NotAUrl(String),
}

impl Target {
    /// The scheme and authority which requests to this target bear.
    pub fn origin(&self) -> Uri {
        self.origin.clone()
    }

    /// The host and, if it was given, the port, as a `Host` header has them.
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The host and port to connect to.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        (host, self.authority.port_u16().unwrap_or(80))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, ParseTargetError> {
        let not_a_url = || ParseTargetError::NotAUrl(text.to_owned());
        // `Uri` drops a fragment without a word.
        if text.contains('#') {
            return Err(not_a_url());
        }
        let uri: Uri = text.parse().map_err(|_| not_a_url())?;
        if uri.scheme() == Some(&Scheme::HTTPS) {
            return Err(ParseTargetError::Tls);
        }
        let has_path = !matches!(uri.path(), "" | "/") || uri.query().is_some();
        let is_http = uri.scheme() == Some(&Scheme::HTTP);
        match uri.authority().cloned() {
            Some(authority) if is_http && !has_path && is_plain(&authority) => {
                Ok(Self { authority, origin: uri })
            }
            _ => Err(not_a_url()),
        }
    }
}

impl TryFrom<&str> for Target {
    type Error = ParseTargetError;

    fn try_from(text: &str) -> Result<Self, ParseTargetError> {
        text.parse()
    }
}

impl TryFrom<String> for Target {
    type Error = ParseTargetError;

    fn try_from(text: String) -> Result<Self, ParseTargetError> {
        text.parse()
    }
}

/// A host, perhaps a port, and no user name or password. `Authority` takes what follows the host and is
/// not a port (`:`, `:99999`) for no port.
fn is_plain(authority: &Authority) -> bool {
    let host = authority.host();
    let is_port_told = authority.as_str().len() == host.len() || authority.port_u16().is_some();
    !authority.as_str().contains('@') && !host.is_empty() && is_port_told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_a_server_is_read_and_printed_alike() {
        for (text, host, port) in [
            ("http://127.0.0.1:9000", "127.0.0.1", 9000),
            ("http://localhost:1", "localhost", 1),
            ("http://[::1]:9000", "::1", 9000),
            ("http://example", "example", 80),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), text);
            assert_eq!(target.host_and_port(), (host, port));
        }
    }

    #[test]
    fn tls_is_refused_in_its_own_words() {
        assert_eq!("https://127.0.0.1:9000".parse::<Target>(), Err(ParseTargetError::Tls));
    }

    #[test]
    fn what_is_not_the_url_of_a_server_is_refused() {
        for text in [
            "",
            "127.0.0.1:9000",
            "localhost",
            "ftp://x",
            "http://",
            "http://x/long_sync",
            "http://u@x",
            "http://127.0.0.1:99999",
            "http://127.0.0.1:",
            "http://[::1]:65536",
            "http://x:9000/#long_sync",
            "http://x:9000#long_sync",
        ] {
            assert!(matches!(text.parse::<Target>(), Err(ParseTargetError::NotAUrl(_))), "{text}");
        }
    }
}
