//! Requests that no server of the contract accepts, whatever its limits. Pure.

use std::time::Duration;

use longsync_text::duration::LONGEST;
use tonic::metadata::MetadataMap;

/// Headers that concern a connection (RFC 9113, 8.2.2).
const OF_CONNECTIONS: [&str; 5] =
    ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"];

/// Headers that follow from a request: a header with such a name could only contradict it (RFC 9113, 8.1.1 and
/// 8.3.1).
const OF_REQUESTS: [&str; 2] = ["content-length", "host"];

/// Why every server would refuse a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It specifies the server's delay twice.
    #[error("a request has a delay or a behavior, not both: leave one of them out")]
    DelayAndBehavior,
    /// It specifies the payload of the answer twice.
    #[error("an answer has the request's payload or other bytes, not both: leave one of them out")]
    EchoAndResponseBytes,
    /// No server can wait that long, or for a negative time.
    #[error("the delay is negative, or longer than 365 days: ask for one in between")]
    Delay,
    /// A header concerns its connection, and HTTP/2 does not allow it.
    #[error(
        "`{name}` belongs to an HTTP/1.1 connection, and HTTP/2 cannot carry it: use another header \
         name"
    )]
    OfConnection {
        /// The header's name.
        name: &'static str,
    },
    /// A header repeats what the request itself says, and may contradict it.
    #[error(
        "`{name}` follows from the request itself, and another one would contradict it: leave it out"
    )]
    OfRequest {
        /// The header's name.
        name: &'static str,
    },
    /// A gRPC message is smaller than 4 GiB.
    #[error("the request has {bytes} bytes, but a gRPC message must be smaller than 4 GiB")]
    TooLarge {
        /// The size of the message, without its prefix.
        bytes: usize,
    },
}

/// Whether HTTP/2 can carry these headers.
///
/// # Errors
/// The header that it cannot carry, or that could contradict the request.
pub fn check_headers(metadata: &MetadataMap) -> Result<(), RequestError> {
    let contained = |name: &&str| metadata.contains_key(*name);
    if let Some(name) = OF_CONNECTIONS.into_iter().find(contained) {
        return Err(RequestError::OfConnection { name });
    }
    match OF_REQUESTS.into_iter().find(contained) {
        Some(name) => Err(RequestError::OfRequest { name }),
        None => Ok(()),
    }
}

/// The fields that the contract's four requests have in common and that may contradict one another.
#[derive(Debug, Clone, Copy)]
pub struct RequestFields<'a> {
    /// How long the server is to wait, if the request specifies it.
    pub delay: Option<Duration>,
    /// How the server is to behave; empty if the request does not specify it.
    pub behavior: &'a str,
    /// Whether the answer is to carry the request's payload.
    pub echo_payload: bool,
    /// How many other bytes the answer is to carry.
    pub response_bytes: u32,
}

impl RequestFields<'_> {
    /// Whether a server may accept these fields.
    ///
    /// # Errors
    /// Why no server accepts them.
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
    fn connection_headers_are_refused_by_name() {
        let mut metadata = MetadataMap::new();
        metadata.insert("x-other", "close".parse().unwrap());
        assert_eq!(check_headers(&metadata), Ok(()));
        for name in OF_CONNECTIONS {
            let mut metadata = metadata.clone();
            metadata.insert(name, "close".parse().unwrap());
            assert_eq!(check_headers(&metadata), Err(RequestError::OfConnection { name }));
        }
        for name in OF_REQUESTS {
            let mut metadata = metadata.clone();
            metadata.insert(name, "5".parse().unwrap());
            assert_eq!(check_headers(&metadata), Err(RequestError::OfRequest { name }));
        }
    }
}
