//! The only test of its program, because it lowers the program's limit on open files.

#![cfg(target_os = "linux")]

use std::time::Duration;

use longsync_timer::{Clock, Timer, WakeReason};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Builder;

#[test]
fn a_program_out_of_file_descriptors_still_waits() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..limit }).unwrap();
    let timer = Timer::new(Clock::Monotonic);
    let due = timer.now() + Duration::from_millis(1);
    assert_eq!(runtime.block_on(timer.sleep_until(due)), WakeReason::Due);
    assert!(timer.now() >= due);
}
