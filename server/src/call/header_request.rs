//! How the headers of a request ask that it be answered.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use longsync_behavior::Behavior;
use longsync_behavior::envoy::{EnvoyHeaderError, EnvoyHeaders};
use longsync_behavior::rpc_behavior::{self, RPC_BEHAVIOR};

use crate::call::refusal::Refusal;

/// How the headers of a request ask that it be answered. A behavior that could not be read has the reason in
/// its place: it is refused only if it counts.
#[derive(Debug, Default)]
pub(crate) struct HeaderRequest {
    /// Our own header. Parsed at once, because the text could take 16 KiB for as long as the call waits.
    pub(crate) behavior: Option<Result<Behavior, String>>,
    /// gRPC's header, if one of its entries counts.
    pub(crate) rpc_behavior: Option<Result<Behavior, String>>,
    /// Envoy's headers.
    pub(crate) envoy: EnvoyHeaders,
    /// Why one of Envoy's headers is refused.
    pub(crate) refused: Option<Refusal>,
    /// Whether gRPC's header is there, so that the answer names this host.
    pub(crate) names_host: bool,
    /// What the client of gRPC's interop tests wants back.
    pub(crate) echo: EchoedMetadata,
}

/// The headers of gRPC's interop tests that the server sends back (interop-test-descriptions.md, "Echo
/// Metadata").
#[derive(Debug, Default)]
pub(crate) struct EchoedMetadata {
    /// In the headers of the answer.
    pub(crate) initial: Option<HeaderValue>,
    /// In its trailers.
    pub(crate) trailing: Option<HeaderValue>,
}

impl EchoedMetadata {
    /// Whether there are any.
    pub(crate) fn is_any(&self) -> bool {
        self.initial.is_some() || self.trailing.is_some()
    }
}

/// What is needed to read the headers of other software: Envoy's fault headers and gRPC's `rpc-behavior`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForeignHeaders<'a> {
    /// The name of this host.
    pub(crate) host: &'a str,
    /// The longest delay that is allowed.
    pub(crate) max_delay: Duration,
}

impl ForeignHeaders<'_> {
    /// Reads a header of Envoy's. One whose value Envoy would ignore is refused.
    #[cold]
    pub(super) fn read_envoy(self, name: &str, value: &HeaderValue, into: &mut HeaderRequest) {
        let read = into.envoy.read(name, value.to_str().ok(), self.max_delay);
        if let Err(EnvoyHeaderError { header, why }) = read {
            into.refused.get_or_insert_with(|| Refusal::invalid(header, why));
        }
    }

    /// Reads all repetitions of gRPC's header. [`None`] if no entry counts.
    #[cold]
    pub(super) fn read_rpc_behavior(
        self,
        headers: &HeaderMap,
        previous_attempts: u32,
    ) -> Option<Result<Behavior, String>> {
        let values: Result<Vec<_>, _> =
            headers.get_all(RPC_BEHAVIOR).iter().map(HeaderValue::to_str).collect();
        match values {
            Err(_) => Some(Err("send it as plain ASCII text".to_owned())),
            Ok(values) => {
                let ForeignHeaders { host, max_delay } = self;
                rpc_behavior::read(values, host, previous_attempts, max_delay).transpose()
            }
        }
    }
}
