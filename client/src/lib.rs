//! Calls longsync servers and measures what the caller sees, as a library.
//!
//! [`Connections`] opens HTTP/2 connections to a [`Target`] and gives out a [`Credit`] a call: a
//! place among the streams which the peer allows at once. A credit is a `GrpcService`, so tonic's
//! generated client calls through it. [`race`] and [`single`] are what the program does with them.
//! [`load`] makes calls in any number, and measures each.
//! The default feature `cli` is the program `longsync-client`. If you use only the library, set
//! `default-features = false`.
//!
//! ```no_run
//! use longsync::v1::LongSyncRequest;
//! use longsync::v1::long_sync_service_client::LongSyncServiceClient;
//! use longsync_client::{Connections, Target};
//! use longsync_timer::{Clock, Timer};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let target: Target = "http://127.0.0.1:9000".parse()?;
//! let origin = target.origin();
//! let connections = Connections::new(target, Timer::new(Clock::Monotonic));
//! let credit = connections.credit().await?;
//! let answer = LongSyncServiceClient::with_origin(credit, origin)
//!     .long_sync(LongSyncRequest::default())
//!     .await?;
//! println!("{}", answer.into_inner().message);
//! # Ok(())
//! # }
//! ```

/// The README's example is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

mod answer;
mod body;
mod connection;
mod connections;
mod credit;
mod dial;
mod figures;
mod first_words;
mod http1;
mod incoming;
mod json;
pub mod load;
pub mod race;
mod rpc;
mod said;
pub mod single;
mod status;
mod streams;
mod table;
mod target;
mod timing;

pub use crate::body::{AnswerBody, Stamps};
pub use crate::connection::Connection;
pub use crate::connections::Connections;
pub use crate::credit::Credit;
pub use crate::dial::ConnectError;
pub use crate::status::code_name;
pub use crate::target::{NotATarget, Target};
/// A gRPC status code.
pub use tonic::Code;
