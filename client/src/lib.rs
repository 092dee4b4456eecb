//! The library behind the program `longsync-client`: [`race`] races ways of waiting against one
//! another, [`single`] makes one call and reports where its time went, and [`behavior`] shows what a behavior
//! does before any server runs it.
//!
//! A plan goes in, measurements come out, and reports are made of them: text, JSON, pictures. [`chart`] has
//! the parts of the pictures. How a call is made and how its answer is read is the job of the crate
//! `longsync-connect`; only the program of this crate knows clap and terminals. Nothing else in the
//! workspace imports it.
//!
//! The default feature `cli` is the program. If you use only the library, set `default-features = false`.
//!
//! ```
//! use longsync_client::race::{self, RaceDelays, RaceProgress, RacePlan, Way};
//! use std::time::Duration;
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let delays = RaceDelays::Constant(Duration::from_millis(50));
//! let plan = RacePlan::builder(3, delays).ways([Way::Sequential, Way::Tasks]).build()?;
//! // Without a target, a server is started inside this process.
//! let race = race::run(&plan, &CancellationToken::new(), &RaceProgress::default()).await?;
//! assert!(race.runs[1].wall < race.runs[0].wall);
//! println!("{}", race::to_text(&race, 80));
//! # Ok(())
//! # }
//! ```

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

pub mod behavior;
pub mod chart;
mod embedded;
mod figures;
mod http1;
mod json;
pub mod load;
mod meanings;
pub mod race;
pub mod request;
mod seed;
pub mod single;
pub mod storm;
mod table;
mod wrap;
