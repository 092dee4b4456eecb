//! Why a server could not be reached.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::target::{ParseTargetError, Target};

/// Why a server could not be reached: a sentence that names the server, the kind of trouble, and the error
/// behind it if there is one. Clones share that error.
#[derive(Debug, Clone)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    sentence: String,
    is_goaway: bool,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What kept a server from being reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The URL is not that of a server.
    NotATarget,
    /// The host has no address.
    UnknownHost,
    /// Nothing listens at the address.
    Refused,
    /// The network or the operating system reported another reason.
    Io,
    /// The server did not respond in time.
    TimedOut,
    /// The server closed the connection before any call.
    Closed,
    /// The server speaks another protocol, or violates its own.
    Protocol,
    /// The server allows no calls: its limit on streams is zero.
    NoCalls,
}

impl ConnectError {
    /// `why` follows the words that name the target.
    pub(crate) fn new(target: &Target, kind: ConnectErrorKind, why: &str) -> Self {
        let sentence = format!("cannot reach {target}: {why}");
        Self { kind, sentence, is_goaway: false, source: None }
    }

    /// Marks the error as that of a server that began HTTP/2 and sent a GOAWAY before the connection carried
    /// a call.
    pub(crate) fn of_goaway(self) -> Self {
        Self { is_goaway: true, ..self }
    }

    pub(crate) fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// Whether the server began HTTP/2 and sent a GOAWAY before the connection carried a call. A server that
    /// is going away may do this to connections that were already on their way to it, so one more try is
    /// worth making immediately.
    pub fn is_goaway(&self) -> bool {
        self.is_goaway
    }

    /// What kept the server from being reached.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<ParseTargetError> for ConnectError {
    fn from(why: ParseTargetError) -> Self {
        let (kind, sentence) = (ConnectErrorKind::NotATarget, why.to_string());
        Self { kind, sentence, is_goaway: false, source: None }.with_source(why)
    }
}

/// A [`Target`] is a target already, so this error cannot occur.
impl From<Infallible> for ConnectError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
