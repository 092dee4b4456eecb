//! The error with which a call fails.

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;
use longsync_text::{GrpcCode, string};

/// The error with which a call fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub(crate) status: FailureStatus,
    pub(crate) message: Option<Box<str>>,
    pub(crate) retry_info: Option<Duration>,
    pub(crate) pushback: Option<Pushback>,
}

/// The status of an error, as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureStatus {
    /// A gRPC code, which is not OK.
    Grpc(GrpcCode),
    /// An HTTP status, from 400 to 599.
    Http(u16),
}

/// Whether a client that wants to try again may, and when (gRFC A6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pushback {
    /// After this many milliseconds.
    AfterMs(u32),
    /// Not at all.
    Never,
}

impl Failure {
    /// An error with this status and nothing else.
    pub(crate) fn of(status: FailureStatus) -> Self {
        Self { status, message: None, retry_info: None, pushback: None }
    }

    /// The message of an error that was written without one.
    pub const DEFAULT_MESSAGE: &str = "planned by longsync";

    /// The status of a gRPC call; of an HTTP status, what a gRPC client would make of it.
    pub fn grpc_code(&self) -> GrpcCode {
        match self.status {
            FailureStatus::Grpc(code) => code,
            FailureStatus::Http(status) => GrpcCode::of_http(status),
        }
    }

    /// The status of an HTTP answer.
    pub fn http_status(&self) -> u16 {
        match self.status {
            FailureStatus::Grpc(code) => code.http_status(),
            FailureStatus::Http(status) => status,
        }
    }

    /// The message.
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or(Self::DEFAULT_MESSAGE)
    }

    /// How long a client should wait before it tries again (`google.rpc.RetryInfo`).
    pub fn retry_info(&self) -> Option<Duration> {
        self.retry_info
    }

    /// Whether and when a client may try again (`grpc-retry-pushback-ms`).
    pub fn pushback(&self) -> Option<Pushback> {
        self.pushback
    }

    /// Prints the options that only errors have, each after a comma.
    pub(super) fn write_options(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_retry(f, self.retry_info, self.pushback)
    }
}

/// Prints what a client is told about trying again, each part after a comma.
pub(crate) fn write_retry(
    f: &mut fmt::Formatter<'_>,
    retry_info: Option<Duration>,
    pushback: Option<Pushback>,
) -> fmt::Result {
    if let Some(delay) = retry_info {
        write!(f, ", retry_info={}", text(delay))?;
    }
    match pushback {
        None => Ok(()),
        Some(Pushback::Never) => f.write_str(", pushback=never"),
        Some(Pushback::AfterMs(millis)) => {
            write!(f, ", pushback={}", text(Duration::from_millis(millis.into())))
        }
    }
}

/// Prints the status and the message.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            FailureStatus::Grpc(code) => write!(f, "{code}")?,
            FailureStatus::Http(status) => write!(f, "{status}")?,
        }
        match &self.message {
            Some(message) => write!(f, ", {}", string::print(message)),
            None => Ok(()),
        }
    }
}
