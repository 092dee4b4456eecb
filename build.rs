//! Compiles the contract to Rust with protox, so that no `protoc` is needed, and writes the
//! descriptor set which the server's reflection serves.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    // Only the contract: else every edit of a document would rebuild the world.
    println!("cargo::rerun-if-changed=proto/longsync");

    let descriptors = protox::compile(["longsync/v1/longsync.proto"], ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("longsync_descriptors.bin"), descriptors.encode_to_vec())?;

    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".")
        .codec_path("crate::codec::Codec")
        .compile_fds(descriptors)?;
    Ok(())
}
