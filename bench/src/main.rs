//! `longsync-bench`: measures longsync side by side with its peers.

mod generate;

use clap::{Parser, Subcommand};

use crate::generate::GenerateArgs;

#[derive(Debug, Parser)]
#[command(name = "longsync-bench", version)]
struct Args {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// A generator, in a process of its own.
    Generate(GenerateArgs),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().role {
        Role::Generate(args) => generate::run(&args),
    }
}
