//! Loads: many calls to a service, when they are due, and what was measured.
//!
//! [`Settings`] say what to do, [`LoadPlan`](longsync_load::LoadPlan) is the engine's input, and a [`Report`]
//! is the result, from which text, JSON, pictures and logs are made. While a load runs, a [`live::LiveBoard`]
//! and a [`MetricsBoard`] show it.

mod hdr;
mod latency;
mod limits;
pub mod live;
mod metrics;
mod record;
mod report;
mod sample;
mod settings;
mod svg;
mod text;
mod watchers;
mod words;

pub use self::hdr::write_hdr;
pub use self::metrics::{MetricsBoard, MetricsServer};
pub use self::record::{read_plan, to_json};
pub use self::report::Report;
pub use self::sample::to_csv;
pub use self::settings::{
    Auto, Settings, SettingsError, WrittenArrivals, WrittenConnections, WrittenPayload, WrittenPlan,
};
pub use self::svg::to_svg;
pub use self::text::to_text;
pub use self::watchers::Watchers;
