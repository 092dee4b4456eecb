//! What health checks are told, over gRPC and HTTP.

use tokio::sync::watch;
use tonic_health::pb::health_check_response::ServingStatus;

/// The services with a status of their own: the whole server, which has no name, and its own service.
/// They serve, and stop serving, together.
pub(crate) const KNOWN_SERVICES: [&str; 2] =
    ["", longsync::v1::long_sync_service_server::SERVICE_NAME];

/// The status of a server. All its workers share it, and those who watch are told of each change.
#[derive(Debug)]
pub(crate) struct Health(watch::Sender<ServingStatus>);

impl Health {
    /// That of a server which has not begun to serve.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(ServingStatus::NotServing))
    }

    /// Sets the status. Whoever watches is told of it, unless it is the same as before.
    pub(crate) fn set(&self, status: ServingStatus) {
        self.0.send_if_modified(|now| std::mem::replace(now, status) != status);
    }

    pub(crate) fn status(&self) -> ServingStatus {
        *self.0.borrow()
    }

    /// The status, and each change of it.
    pub(crate) fn watch(&self) -> watch::Receiver<ServingStatus> {
        self.0.subscribe()
    }
}
