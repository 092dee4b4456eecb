//! The server to call.

mod parse_target_error;
mod url;

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};

pub use self::parse_target_error::{ParsePortError, ParseTargetError};

/// A server's address, as a URL such as `http://127.0.0.1:9000`, or as its host and port alone, such as
/// `localhost:9000`. Without a port, `http://host` is port 80, as in any URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    authority: Authority,
    origin: Uri,
}

impl Target {
    /// The scheme and authority in requests to this target.
    pub fn origin(&self) -> Uri {
        self.origin.clone()
    }

    /// The host and, if it was given, the port, in the form of a `Host` header.
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// The host and port to connect to.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        (host, self.authority.port_u16().unwrap_or(80))
    }
}

/// Prints the target as a URL, which is parsed as the same target.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, ParseTargetError> {
        let written = url::read(text)?;
        let not_a_host = || ParseTargetError::Host { host: written.clone() };
        let authority: Authority = written.parse().map_err(|_| not_a_host())?;
        let origin = Uri::builder().scheme(Scheme::HTTP).authority(authority.clone());
        let origin = origin.path_and_query("/").build().map_err(|_| not_a_host())?;
        Ok(Self { authority, origin })
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

#[cfg(test)]
mod tests;
