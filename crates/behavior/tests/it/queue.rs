//! The queue in virtual time.

mod forecasts;
mod naive;
mod properties;
mod schedules;
mod schedules_text;
mod statistics;
