//! What HTTP asks for: where each request goes, and the answers to those that are not gRPC.

mod accept;
mod face;
mod host;
mod metrics;
mod page;
pub(crate) mod route;
mod stats;
