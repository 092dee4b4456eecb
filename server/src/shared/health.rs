//! The status that health checks report, over gRPC and HTTP.

use tokio::sync::watch;
use tonic_health::pb::health_check_response::ServingStatus;

/// The services that have a status: the entire server, whose name is empty, and its own service. They serve,
/// and stop serving, together.
pub(crate) const KNOWN_SERVICES: [&str; 2] =
    ["", longsync::v1::long_sync_service_server::SERVICE_NAME];

/// The status of a server. All of its workers share it, and watchers are notified of each change.
#[derive(Debug)]
pub(crate) struct Health(watch::Sender<ServingStatus>);

impl Health {
    /// The status of a server that has not begun to serve.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(ServingStatus::NotServing))
    }

    /// Sets the status. Watchers are notified, unless it is the same as before.
    pub(crate) fn set(&self, status: ServingStatus) {
        self.0.send_if_modified(|now| std::mem::replace(now, status) != status);
    }

    pub(crate) fn status(&self) -> ServingStatus {
        *self.0.borrow()
    }

    /// The status, and each change to it.
    pub(crate) fn watch(&self) -> watch::Receiver<ServingStatus> {
        self.0.subscribe()
    }
}
