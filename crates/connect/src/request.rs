//! What no server of the contract accepts, whatever its limits. Pure.

use std::time::Duration;

use longsync_text::duration::LONGEST;
use tonic::metadata::MetadataMap;

/// Headers that are about a connection (RFC 9113, 8.2.2).
const OF_CONNECTIONS: [&str; 5] =
    ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"];

/// Why every server would refuse a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It says twice how long the server is to wait.
    #[error("a request has a delay or a behavior, not both: leave one of them out")]
    DelayAndBehavior,
    /// It says twice what payload the answer is to have.
    #[error("an answer has the request's payload or other bytes, not both: leave one of them out")]
    EchoAndResponseBytes,
    /// No server can wait like that.
    #[error("the delay is negative, or longer than 365 days: ask for one in between")]
    Delay,
    /// A header is about its connection, which HTTP/2 has no form for.
    #[error(
        "`{name}` is about a connection of HTTP/1.1, and HTTP/2 cannot carry it: give headers of other \
         names"
    )]
    OfConnection {
        /// The header's name.
        name: &'static str,
    },
    /// A message of gRPC has less than 4 GiB.
    #[error("the request has {bytes} bytes, and a message of gRPC has less than 4 GiB")]
    TooLarge {
        /// How many it has, without its prefix.
        bytes: usize,
    },
}

/// Whether HTTP/2 can carry these headers.
///
/// # Errors
/// Which of them it cannot.
pub fn check_headers(metadata: &MetadataMap) -> Result<(), RequestError> {
    match OF_CONNECTIONS.into_iter().find(|name| metadata.contains_key(*name)) {
        Some(name) => Err(RequestError::OfConnection { name }),
        None => Ok(()),
    }
}

/// The fields that the contract's four requests have in common and that may contradict one another.
#[derive(Debug, Clone, Copy)]
pub struct RequestFields<'a> {
    /// How long the server is to wait, if the request says it.
    pub delay: Option<Duration>,
    /// How the server is to behave; empty if the request does not say it.
    pub behavior: &'a str,
    /// Whether the answer is to carry the request's payload.
    pub echo_payload: bool,
    /// How many other bytes it is to carry.
    pub response_bytes: u32,
}

impl RequestFields<'_> {
    /// Whether a server may accept it.
    ///
    /// # Errors
    /// Why none will.
    pub fn check(self) -> Result<(), RequestError> {
        if self.delay.is_some() && !self.behavior.is_empty() {
            return Err(RequestError::DelayAndBehavior);
        }
        if self.echo_payload && self.response_bytes > 0 {
            return Err(RequestError::EchoAndResponseBytes);
        }
        if self.delay > Some(LONGEST) { Err(RequestError::Delay) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_connections_are_refused_by_name() {
        let mut metadata = MetadataMap::new();
        metadata.insert("x-other", "close".parse().unwrap());
        assert_eq!(check_headers(&metadata), Ok(()));
        for name in OF_CONNECTIONS {
            let mut metadata = metadata.clone();
            metadata.insert(name, "close".parse().unwrap());
            assert_eq!(check_headers(&metadata), Err(RequestError::OfConnection { name }));
        }
    }
}
