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
    /// Whether gRPC's header is there, so that the answer names this host.
    pub(crate) names_host: bool,
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
    /// Reads a header of Envoy's.
    ///
    /// # Errors
    /// If Envoy would ignore its value.
    #[cold]
    pub(super) fn read_envoy(
        self,
        name: &str,
        value: &HeaderValue,
        into: &mut EnvoyHeaders,
    ) -> Result<(), Refusal> {
        let read = into.read(name, value.to_str().ok(), self.max_delay);
        read.map_err(|EnvoyHeaderError { header, why }| Refusal::invalid(header, why))
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
