//! A server that takes exactly as long as it is told, as a library.
//!
//! [`start`] runs a server alongside a test, on its own threads:
//!
//! ```
//! use std::time::Duration;
//! use longsync_server::{Behavior, start};
//!
//! let server = start(Behavior::constant(Duration::from_millis(20)))?;
//! // Call `server.url()` with the client under test; then see what the server saw of it.
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! assert_eq!(server.stats().snapshot().calls_in_flight(), 0);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The default features are for the program: `cli` is `longsync-server` itself, `mimalloc` is its allocator.
//! If you only use the library, set `default-features = false`.
//!
//! Two entry points give more control. [`Server::bind`] followed by [`Server::serve`] is a complete
//! server: an acceptor, worker threads, a drain. [`serve_connection`] runs one connection on the
//! caller's runtime, over any stream of bytes, on the clock of the caller's [`Worker`].
//!
//! A call passes through these modules: `net` (accepted, read, given its turns), `http` (routed), `rpc`
//! (handled), `body` (its messages, and its answer on the way out), `call` (planned, waited for, ended).
//! They build on `record` (the state of a connection), `shared` (what all workers share) and `config`.

mod body;
mod call;
mod config;
mod examples;
mod http;
mod net;
mod record;
mod rpc;
mod running;
mod server;
mod shared;
mod worker;

pub use crate::call::CALL_LOG_TARGET;
pub use crate::config::files::{FileLimit, FileLimitError, raise_file_limit};
pub use crate::config::recordings::Recordings;
pub use crate::config::{Config, ConfigError, Limits, MOST_WORKERS, Options};
pub use crate::examples::Examples;
pub use crate::net::connection::serve_connection;
pub use crate::running::{RunningServer, start, start_with};
pub use crate::server::{Server, Stats};
pub use crate::shared::counters::{CallKind, DurationHistogram, Outcome, Snapshot};
pub use crate::shared::queue::QueueCounts;
pub use crate::worker::Worker;
pub use crate::worker::queue::QUEUE_LOG_TARGET;
pub use longsync_behavior::{
    Abandoned, Behavior, Origin, ParseBehaviorError, Percent, Queue, QueueOrder, Stall,
};
