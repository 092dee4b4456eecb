//! How the server treats environment variables in general.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use rustix::process::Signal;

use super::{Running, command, ended, said, signal};
use crate::harness::Result;

#[tokio::test]
async fn an_unknown_variable_is_reported_once_with_the_nearest_and_the_server_starts() -> Result<()>
{
    let mut misspelled = command(&["--port", "0"]);
    misspelled.env("LONGSYNC_DRIAN", "1s").env("LONGSYNC_ZZZ", "").env("LONGSYNC_DRAIN", "1s");
    // Variables of the client, of our tests, and of Kubernetes.
    misspelled.env("LONGSYNC_URL", "http://127.0.0.1:1").env("LONGSYNC_SERVER", "/bin/true");
    misspelled.env("LONGSYNC_SERVICE_HOST", "10.0.0.1").env("LONGSYNC_PORT_9000_TCP_PROTO", "tcp");
    let server = Running::start(&mut misspelled)?;
    signal(&server, Signal::TERM)?;
    let (status, said) = server.ended().await?;
    assert_eq!(status.code(), Some(0));
    assert_eq!(
        said,
        "longsync-server: the variable `LONGSYNC_DRIAN` has no effect: did you mean LONGSYNC_DRAIN?\n\
         longsync-server: the variable `LONGSYNC_ZZZ` has no effect: --help lists those that do\n"
    );
    Ok(())
}

#[test]
fn an_unknown_variable_is_reported_with_an_error_and_not_with_help() -> Result<()> {
    let misspelled = |args: &[&str]| ended(command(args).env("LONGSYNC_DRIAN", "1s"));
    let wrong = said(&misspelled(&["--workers", "none"])?);
    assert!(
        wrong.contains("did you mean LONGSYNC_DRAIN?") && wrong.contains("1 to 1024"),
        "{wrong}"
    );
    for args in [&["--help"][..], &["--version"], &["completions", "bash"]] {
        let output = misspelled(args)?;
        assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()), "{args:?}");
    }
    Ok(())
}

#[test]
fn a_variable_that_is_overridden_or_not_needed_is_ignored() -> Result<()> {
    let output = ended(command(&["completions", "bash"]).env("LONGSYNC_DRAIN", "soon"))?;
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    let output = ended(command(&["--drain", "1s", "--explain"]).env("LONGSYNC_DRAIN", "soon"))?;
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    Ok(())
}

#[test]
fn a_variable_that_is_not_utf_8_is_named() -> Result<()> {
    let bytes = OsStr::from_bytes(b"1\xff");
    let output = ended(command(&[]).env("LONGSYNC_DRAIN", bytes))?;
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(
        said.contains("the variable LONGSYNC_DRAIN is not valid UTF-8: set it to a text in UTF-8"),
        "{said}"
    );
    Ok(())
}

/// The help is the only place that shows the variable of each flag.
#[test]
fn help_names_the_variables_whether_short_or_long() -> Result<()> {
    for flag in ["-h", "--help", "help"] {
        let help = String::from_utf8(ended(&mut command(&[flag]))?.stdout)?;
        // The help is wrapped.
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for name in longsync_flags::variables::SERVER {
            assert!(help.contains(&format!("[env: {name}=")), "{flag} lacks {name}");
        }
    }
    Ok(())
}
