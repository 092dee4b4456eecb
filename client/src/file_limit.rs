//! How many files, and thus connections, the process may have open.

/// Raises the soft limit to the hard one, as far as the system allows: the client exists to open many
/// connections, and if they still do not fit, the code that needs them reports it.
#[cfg(unix)]
pub(crate) fn raise() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// This system has no such limit to raise.
#[cfg(not(unix))]
pub(crate) fn raise() {}
