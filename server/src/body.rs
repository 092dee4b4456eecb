//! Bodies on their way in and out: how much of them is held in memory, and how much the peer's windows let
//! out.

pub(crate) mod answer;
pub(crate) mod batches;
mod discard;
mod form;
pub(crate) mod framing;
pub(crate) mod intake;
pub(crate) mod messages;
mod pace;
mod piece;
pub(crate) mod rest;
pub(crate) mod room;
mod slowness;
