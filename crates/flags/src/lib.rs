//! Command-line behavior shared by both programs. An error about a value names the flag as it was typed, or
//! the variable; a flag known from other tools gets a tip; and a variable that no program reads is reported.
//!
//! Only a [`CommandLine`] reads the environment, through clap. Nothing here prints anything.

mod command_line;
mod typed;
pub mod variables;

pub use crate::command_line::{CommandLine, Mistake, Tip};
pub use crate::typed::is_named;
