//! Checks that the committed files are what the contract generates.

use std::path::Path;
use std::{env, fs};

/// The directory into which this build has just generated the files.
const GENERATED: &str = env!("LONGSYNC_GENERATED");

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/generated");

/// If `LONGSYNC_RENEW` is set in the environment, the committed files are renewed first.
#[test]
fn the_committed_files_are_what_the_contract_generates() -> Result<(), std::io::Error> {
    for name in ["longsync.v1.rs", "longsync.v1.binpb", "grpc.testing.rs", "grpc.testing.binpb"] {
        let generated = fs::read(Path::new(GENERATED).join(name))?;
        let committed = Path::new(COMMITTED).join(name);
        if env::var_os("LONGSYNC_RENEW").is_some() {
            fs::write(&committed, &generated)?;
        }
        assert!(
            fs::read(&committed).is_ok_and(|committed| committed == generated),
            "proto/generated/{name} is not what its sources generate: run \
             LONGSYNC_RENEW=1 cargo test -p longsync --features generate, and commit what it changes"
        );
    }
    Ok(())
}
