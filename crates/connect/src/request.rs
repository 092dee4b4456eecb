//! What no server of the contract accepts, whatever its limits. Pure.

use std::time::Duration;

use longsync_text::duration::LONGEST;

/// Why every server would refuse a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotARequest {
    /// It says twice how long the server is to wait.
    #[error("a request has a delay or a behavior, not both: leave one of them out")]
    DelayAndBehavior,
    /// It says twice what payload the answer is to have.
    #[error("an answer has the request's payload or other bytes, not both: leave one of them out")]
    EchoAndResponseBytes,
    /// No server can wait like that.
    #[error("the delay is negative, or longer than 365 days: ask for one in between")]
    Delay,
    /// A message of gRPC has less than 4 GiB.
    #[error("the request has {bytes} bytes, and a message of gRPC has less than 4 GiB")]
    TooLarge {
        /// How many it has, without its prefix.
        bytes: usize,
    },
}

/// What the four requests of the contract have in common, as far as it may contradict itself.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// How long the server is to wait, if the request says it.
    pub delay: Option<Duration>,
    /// How the server is to behave; empty if the request does not say it.
    pub behavior: &'a str,
    /// Whether the answer is to carry the request's payload.
    pub echo_payload: bool,
    /// How many other bytes it is to carry.
    pub response_bytes: u32,
}

impl Asked<'_> {
    /// Whether a server may accept it.
    ///
    /// # Errors
    /// Why none will.
    pub fn check(self) -> Result<(), NotARequest> {
        if self.delay.is_some() && !self.behavior.is_empty() {
            return Err(NotARequest::DelayAndBehavior);
        }
        if self.echo_payload && self.response_bytes > 0 {
            return Err(NotARequest::EchoAndResponseBytes);
        }
        if self.delay > Some(LONGEST) { Err(NotARequest::Delay) } else { Ok(()) }
    }
}
