//! The server as its clients see it: over memory in paused time where logic alone is meant, over
//! sockets where sockets matter.

mod attacks;
mod cancel;
#[cfg(unix)]
mod cli;
mod collect;
mod deadline;
mod drain;
mod exchange;
mod harness;
mod health;
mod http;
mod limits;
mod reflection;
mod stream;
mod unary;
