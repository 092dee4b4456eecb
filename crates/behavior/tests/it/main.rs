//! The language as its users meet it: through the public interface alone.

mod constructors;
mod corpus;
mod generated;
mod golden;
mod holds;
mod mistakes;
mod properties;
mod queue;
