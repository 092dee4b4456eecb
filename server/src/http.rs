//! Routes HTTP requests, and answers those that are not gRPC.

mod accept;
mod face;
mod host;
mod metrics;
pub(crate) mod route;
