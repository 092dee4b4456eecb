//! The machine on which a load ran.

use std::thread::available_parallelism;

use serde::Serialize;

#[derive(Serialize)]
pub(super) struct JsonMachine {
    /// How many threads can run at once, if the system reports it.
    cores: Option<usize>,
    os: &'static str,
    architecture: &'static str,
    kernel: Option<String>,
    host: Option<String>,
}

impl JsonMachine {
    /// This machine.
    pub(super) fn here() -> Self {
        let (kernel, host) = names();
        Self {
            cores: available_parallelism().ok().map(Into::into),
            os: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
            kernel,
            host,
        }
    }
}

/// The kernel's release, and the host name.
#[cfg(unix)]
fn names() -> (Option<String>, Option<String>) {
    let names = rustix::system::uname();
    let text = |name: &std::ffi::CStr| Some(name.to_string_lossy().into_owned());
    (text(names.release()), text(names.nodename()))
}

#[cfg(not(unix))]
fn names() -> (Option<String>, Option<String>) {
    (None, None)
}
