//! What is shown of a run.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::args::whole;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What is shown")]
pub(super) struct OutputArgs {
    /// What the run is called in its record.
    #[arg(long, value_name = "TEXT", value_parser = name, hide_short_help = true)]
    pub(super) name: Option<String>,

    /// A note for its record, as `key=value`; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag, hide_short_help = true)]
    pub(super) tag: Vec<(String, String)>,

    /// Print the record (JSON, schema longsync.load/v1) instead of text.
    #[arg(long)]
    pub(super) json: bool,

    /// Write the record into a file. For this and the other files, `-` prints it on stdout, instead of text.
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,

    /// Replace files that exist.
    #[arg(long)]
    pub(super) overwrite: bool,

    /// Write the pictures of latency and of the run over time into a file, as SVG.
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,

    /// Write the intervals of the run into a file, as an HDR histogram log.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(super) hdr: Option<PathBuf>,

    /// Write this many calls, drawn evenly over the run, into the CSV file of --sample-file.
    #[arg(long, value_name = "N", value_parser = whole, requires = "sample_file", hide_short_help = true)]
    pub(super) sample: Option<u32>,

    /// The file of --sample.
    #[arg(long, value_name = "FILE", requires = "sample", hide_short_help = true)]
    pub(super) sample_file: Option<PathBuf>,

    /// Show the running load to Prometheus: at this address, under /metrics.
    #[arg(long, value_name = "ADDRESS", value_parser = address, hide_short_help = true)]
    pub(super) metrics: Option<SocketAddr>,

    /// Print nothing but what --json prints, and what went wrong.
    #[arg(long)]
    pub(super) quiet: bool,
}

fn name(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() {
        Err("write a text that is not blank, or leave it out")
    } else {
        Ok(text.to_owned())
    }
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write key=value, such as commit=1a2b3c".to_owned()),
    }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => Err(
            "port 0 is any free port, and Prometheus must know which: write one such as 127.0.0.1:9464",
        ),
        Ok(address) => Ok(address),
        Err(_) => Err("write an IP address and a port, such as 127.0.0.1:9464"),
    }
}
