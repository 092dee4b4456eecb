//! The gRPC services of a server besides its own, by name.

mod descriptors;
mod health;
mod reflection;
mod side_slot;

use tonic_health::pb::health_server;
use tonic_reflection::pb::{v1, v1alpha};

use super::Handler;

/// What handles the calls of this method of this service, if it is one of those besides our own.
pub(crate) fn find(service: &str, method: &str) -> Option<Handler> {
    match (service, method) {
        (health_server::SERVICE_NAME, "Check") => Some(health::check),
        (health_server::SERVICE_NAME, "Watch") => Some(health::watch),
        (
            v1::server_reflection_server::SERVICE_NAME
            | v1alpha::server_reflection_server::SERVICE_NAME,
            "ServerReflectionInfo",
        ) => Some(reflection::info),
        _ => None,
    }
}
