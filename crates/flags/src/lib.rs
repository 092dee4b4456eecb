//! What the command lines of both programs have in common: a wrong value is named as it was given, by the flag that
//! was typed or by its variable; a flag that other tools have gets a tip; and a variable that nobody reads is noticed.
//!
//! Only a [`CommandLine`] reads the environment, through clap, and nothing here is written anywhere.

mod command_line;
mod spelling;
pub mod variables;

pub use crate::command_line::{CommandLine, Tip};
