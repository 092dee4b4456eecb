//! The queue in virtual time.

mod naive;
mod properties;
mod schedules;
mod schedules_text;
