//! From the socket to HTTP requests and back: connections, their turns and their end.

pub(crate) mod acceptor;
mod calls;
pub(crate) mod connection;
mod drain;
mod http_timer;
mod io;
mod stuck;
mod turn;
