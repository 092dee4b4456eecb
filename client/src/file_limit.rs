//! How many files, and so how many connections, the process may have open.

/// Raises the soft limit to the hard one, as far as the system allows: many connections are what the
/// client is for, and where they still do not fit, what needs them says so.
#[cfg(unix)]
pub(crate) fn raise() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// There is no such limit to raise on this system.
#[cfg(not(unix))]
pub(crate) fn raise() {}
