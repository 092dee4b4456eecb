//! A server that takes exactly as long as it is told, as a library.
//!
//! It has two doors. [`Server::bind`] then [`Server::serve`] is the whole: an acceptor, worker
//! threads, drain. [`serve_connection`] under it runs one connection on the caller's runtime, over
//! any stream of bytes, on the clock of the caller's [`Worker`].
//!
//! ```
//! use std::time::Duration;
//! use longsync_server::{Behavior, Config, Server};
//! use tokio::sync::oneshot;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config {
//!     listen: "127.0.0.1:0".parse()?,
//!     behavior: Behavior::constant(Duration::from_millis(20)),
//!     ..Config::default()
//! };
//! let server = Server::bind(config)?;
//! let url = format!("http://{}", server.local_addr());
//! let stats = server.stats();
//! let (stop, stopped) = oneshot::channel::<()>();
//! let serving = tokio::spawn(server.serve(async { drop(stopped.await) }));
//!
//! // Call `url` with the client under test; then see what the server saw of it.
//! assert!(url.starts_with("http://127.0.0.1:"));
//! assert_eq!(stats.snapshot().calls_in_flight(), 0);
//!
//! drop(stop);
//! serving.await??;
//! # Ok(())
//! # }
//! ```
//!
//! A call's way through the modules: `acceptor`, `worker`, `connection` (`io`), `calls` (`task`),
//! `route` (`http_face`, or `services` and `rpc`), `plan`, the wait in `call`, and back as an
//! `answer_body`.

mod body;
mod call;
mod config;
mod http;
mod net;
mod record;
mod rpc;
mod server;
mod shared;
mod worker;

pub use crate::config::files::{FileLimit, TooManyConnections, raise_file_limit};
pub use crate::config::{Config, Limits};
pub use crate::net::connection::serve_connection;
pub use crate::server::{Server, Stats};
pub use crate::shared::counters::{Figure, Kind, Outcome, Snapshot};
pub use crate::worker::Worker;
pub use longsync_behavior::{Behavior, NotABehavior};

/// The target of the log line that each call writes at level debug when it ends.
pub const CALL_LOG_TARGET: &str = "longsync_server::call";
