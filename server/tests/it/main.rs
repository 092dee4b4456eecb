//! The server as its clients see it: over memory in paused time where logic alone is meant, over
//! sockets where sockets matter.

#![expect(clippy::duplicate_mod, reason = "one suite runs over two ways")]

mod attacks;
mod cancel;
mod cardinality;
#[cfg(unix)]
mod cli;
mod collect;
mod deadline;
mod drain;
mod exchange;
mod farewell;
mod harness;
mod health;
mod http;
mod http1;
mod lateness;
mod limits;
mod memory;
mod reflection;
mod side_streams;
mod stream;

/// A plain unary call has a way of its own through the server.
#[path = "."]
mod direct {
    const WAY: crate::harness::Headers = &[];
    #[path = "unary.rs"]
    mod unary;
}

/// One that speaks of its encoding takes the generated service's, as other RPCs do.
#[path = "."]
mod generated {
    const WAY: crate::harness::Headers = &[("grpc-encoding", "identity")];
    #[path = "unary.rs"]
    mod unary;
}
