//! The language as its users meet it: through the public interface alone.

mod generated;
mod golden;
mod mistakes;
mod properties;
