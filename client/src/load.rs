//! Loads: many calls of a service, when they are due, and what was measured of them.
//!
//! [`Settings`] say what to do, [`LoadPlan`](longsync_load::LoadPlan) is what the engine is told, and a [`Report`]
//! is the result, from which text, JSON, pictures and logs are made.

mod report;
mod settings;

pub use self::report::Report;
pub use self::settings::Settings;
