//! Any text is read or refused, and a behavior that is read prints to a text that reads the same, and draws
//! within its bounds.
//!
//! `cargo +nightly fuzz run parse fuzz/found/parse fuzz/corpus/parse`, in `crates/behavior`

#![no_main]

#[path = "../../tests/it/holds.rs"]
mod holds;

libfuzzer_sys::fuzz_target!(|text: &str| holds::for_text(text));
