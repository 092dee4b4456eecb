//! Tells the crate where its generated code is: the committed files or, with the feature `generate`, a
//! directory into which this script generates it from the contract.

use std::env;
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    // Watch only the sources; otherwise every edit to a document would rebuild everything.
    println!("cargo::rerun-if-changed=proto/longsync");
    println!("cargo::rerun-if-changed=proto/grpc");

    println!("cargo::rustc-env=LONGSYNC_GENERATED={}", generated()?.display());
    Ok(())
}

/// The committed files, so that dependents of this crate do not compile protox.
#[cfg(not(feature = "generate"))]
fn generated() -> Result<PathBuf, Box<dyn Error>> {
    Ok(PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("proto/generated"))
}

/// Compiles the contract with protox, which needs no `protoc`, and writes the Rust code and the descriptor
/// set that the server's reflection serves. Of the service of gRPC's interop tests, only the messages become
/// code.
#[cfg(feature = "generate")]
fn generated() -> Result<PathBuf, Box<dyn Error>> {
    use protox::prost::Message as _;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let descriptors = protox::compile(["longsync/v1/longsync.proto"], ["proto"])?;
    std::fs::write(out.join("longsync.v1.binpb"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".")
        .codec_path("crate::codec::Codec")
        .compile_fds(descriptors)?;
    let descriptors = protox::compile(["grpc/testing/test.proto"], ["proto"])?;
    std::fs::write(out.join("grpc.testing.binpb"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .build_client(false)
        .build_server(false)
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(out)
}
