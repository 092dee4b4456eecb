//! Routes HTTP requests, and answers those that are not gRPC.

mod accept;
mod face;
mod host;
mod metrics;
mod page;
mod plain;
mod query;
pub(crate) mod route;
mod stats;
