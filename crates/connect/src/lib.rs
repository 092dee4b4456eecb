//! Calls longsync servers over HTTP/2.
//!
//! ```
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let behavior = longsync_server::Behavior::constant(Duration::ZERO);
//! # let server = longsync_server::start(behavior)?;
//! # let url = server.url();
//! let delay = Duration::from_millis(20);
//! let answer = longsync_connect::connect(url).await?.long_sync(delay).await?;
//! assert_eq!(answer.message(), "Done!");
//! assert!(answer.waited() >= Some(delay));
//! # Ok(())
//! # }
//! ```
//!
//! [`connect`] and [`Client`] do this, and nothing else. Below them, for programs that make calls in their
//! own way:
//!
//! - [`Target`] is the server to call. [`ConnectionPool`] opens connections to it and hands out a
//!   [`StreamPermit`] per call, a slot among the streams which the peer allows at once. A permit is a tonic
//!   `GrpcService`, so tonic's generated client can call through it.
//! - [`dial`] opens one connection over any [`Transport`]; [`Http2`] begins HTTP/2 on one and waits for the
//!   peer's settings; [`dial_http2`] does both.
//! - [`rpc`] makes calls of the contract without tonic's client: a call that the server refused without
//!   processing it is made again. [`answer`] reads the answers and trusts none of them; [`incoming`] does so
//!   over HTTP/2.
//! - [`request`] has the rules for requests that no server accepts.
//! - [`status`] and [`timing`] explain what a status, and a server's account of its waits, mean.
//!
//! This crate makes calls; when to make them, and what to do with the measurements, is up to the caller. It
//! depends on no server and on no program, so a server may use it to call others.

pub mod answer;
mod body;
mod client;
mod connect_error;
mod connection;
mod connection_pool;
mod dial;
mod first_words;
mod http2;
pub mod incoming;
pub mod request;
pub mod rpc;
pub mod status;
mod stream_permit;
mod streams;
mod target;
pub mod timing;
mod transport;
mod unfinished;
mod watched;

pub use crate::body::{AnswerBody, Stamps};
pub use crate::client::{Answer, CallError, Client, connect};
pub use crate::connect_error::{ConnectError, ConnectErrorKind};
pub use crate::connection::Connection;
pub use crate::connection_pool::ConnectionPool;
pub use crate::dial::{CONNECT_TIMEOUT, dial, dial_http2};
pub use crate::http2::Http2;
pub use crate::stream_permit::StreamPermit;
pub use crate::target::{ParsePortError, ParseTargetError, Target};
pub use crate::transport::{Tcp, Transport, TransportError};
pub use crate::unfinished::UNFINISHED_BYTES;
pub use crate::watched::{WatchedIo, Watcher};
/// A gRPC status code.
pub use tonic::Code;
