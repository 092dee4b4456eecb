//! The server as its clients see it: over memory in paused time for logic alone, over sockets where
//! sockets matter.

#![expect(clippy::duplicate_mod, reason = "one suite runs over two ways of asking")]

mod attacks;
mod cancel;
mod cardinality;
#[cfg(all(unix, feature = "cli"))]
mod cli;
mod collect;
mod deadline;
mod delays;
mod drain;
mod exchange;
mod goaway;
mod harness;
mod health;
mod http;
mod http1;
mod lateness;
mod limits;
mod memory;
mod page;
mod reflection;
mod running;
mod scope;
mod side_streams;
mod stall;
mod stream;

/// A unary call that says nothing of its encoding.
#[path = "."]
mod plain {
    const WAY: crate::harness::Headers = &[];
    #[path = "unary.rs"]
    mod unary;
}

/// One that names the encoding that is understood anyway.
#[path = "."]
mod encoded {
    const WAY: crate::harness::Headers = &[("grpc-encoding", "identity")];
    #[path = "unary.rs"]
    mod unary;
}
