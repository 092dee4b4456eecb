//! Compiles the contract as tonic's users do, but with protox in place of protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../../../proto/longsync");
    let descriptors = protox::compile(["longsync/v1/longsync.proto"], ["../../../proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
