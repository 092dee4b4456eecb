//! The server as its clients see it: in memory and in paused time if only logic matters, over sockets if
//! sockets matter.

#![expect(clippy::duplicate_mod, reason = "one suite runs with two kinds of requests")]

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
mod faults;
mod field_headers;
mod goaway;
mod harness;
mod health;
mod http;
mod http1;
mod interop;
mod lateness;
mod limits;
mod memory;
mod page;
mod queue;
mod reflection;
mod running;
mod scope;
mod side_streams;
mod stall;
mod stream;

/// Unary calls that do not specify their encoding.
#[path = "."]
mod plain {
    const WAY: crate::harness::Headers = &[];
    #[path = "unary.rs"]
    mod unary;
}

/// Unary calls that name the default encoding.
#[path = "."]
mod encoded {
    const WAY: crate::harness::Headers = &[("grpc-encoding", "identity")];
    #[path = "unary.rs"]
    mod unary;
}
