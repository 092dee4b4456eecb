//! The output of a run.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::args::whole;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// The run's name in its record.
    #[arg(long, value_name = "TEXT", value_parser = name, hide_short_help = true)]
    pub(super) name: Option<String>,

    /// A note for the record, as `key=value`; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag, hide_short_help = true)]
    pub(super) tag: Vec<(String, String)>,

    /// Print the record (JSON, schema longsync.load/v1) instead of text.
    #[arg(long)]
    pub(super) json: bool,

    /// Write the record to a file. For this and the other files, `-` prints on stdout instead of text.
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,

    /// Replace existing files.
    #[arg(long)]
    pub(super) overwrite: bool,

    /// Write the pictures of latency and of the run over time to a file, as SVG.
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,

    /// Write the intervals of the run to a file, as an HDR histogram log.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(super) hdr: Option<PathBuf>,

    /// Write this many calls, drawn evenly over the run, to the CSV file that --sample-file names.
    #[arg(long, value_name = "N", value_parser = whole, requires = "sample_file", hide_short_help = true)]
    pub(super) sample: Option<u32>,

    /// The CSV file for --sample.
    #[arg(long, value_name = "FILE", requires = "sample", hide_short_help = true)]
    pub(super) sample_file: Option<PathBuf>,

    /// Serve metrics of the running load to Prometheus at this address, under /metrics.
    #[arg(long, value_name = "ADDRESS", value_parser = address, hide_short_help = true)]
    pub(super) metrics: Option<SocketAddr>,

    /// Print nothing but errors and, with --json, the record.
    #[arg(long)]
    pub(super) quiet: bool,
}

fn name(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() {
        Err("write a name that is not blank, or leave the flag out")
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
            "port 0 means any free port, and Prometheus must know which: write a fixed port, such as \
             127.0.0.1:9464",
        ),
        Ok(address) => Ok(address),
        Err(_) => Err("write an IP address and a port, such as 127.0.0.1:9464"),
    }
}
