//! The other gRPC services of the server, by name.

mod descriptors;
mod health;
pub(crate) mod interop;
mod reflection;
mod side_slot;

use tonic_health::pb::health_server;
use tonic_reflection::pb::{v1, v1alpha};

use super::Handler;

/// The handler for the calls of this method, if this is one of the other services. `has_interop`: whether that
/// of gRPC's interop tests is one.
pub(crate) fn find(service: &str, method: &str, has_interop: bool) -> Option<Handler> {
    match (service, method) {
        (health_server::SERVICE_NAME, "Check") => Some(health::check),
        (health_server::SERVICE_NAME, "Watch") => Some(health::watch),
        (
            v1::server_reflection_server::SERVICE_NAME
            | v1alpha::server_reflection_server::SERVICE_NAME,
            "ServerReflectionInfo",
        ) => Some(reflection::info),
        _ if has_interop => interop::find(service, method),
        _ => None,
    }
}
