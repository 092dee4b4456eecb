//! A delayed-answer server and its client, as tonic's own examples would write them.
//!
//! `naive-tonic server THREADS` listens on a free port of loopback and prints the address.
//! `naive-tonic client URL CALLS DELAY_NS CONNECTIONS IN_FLIGHT` makes CALLS calls, IN_FLIGHT at a
//! time, and prints the result as JSON.

mod client;
mod server;

/// The generated code of the contract.
pub mod v1 {
    tonic::include_proto!("longsync.v1");
}

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["server", threads] => runtime(threads.parse()?)?.block_on(server::serve()),
        ["client", url, calls, delay_ns, connections, in_flight] => {
            let work = client::Work {
                url: url.to_owned(),
                calls: calls.parse()?,
                delay_ns: delay_ns.parse()?,
                connections: connections.parse()?,
                in_flight: in_flight.parse()?,
            };
            runtime(1)?.block_on(client::call(work))
        }
        _ => Err("usage: server THREADS | client URL CALLS DELAY_NS CONNECTIONS IN_FLIGHT".into()),
    }
}

/// With one thread, tokio's single-threaded runtime is faster.
fn runtime(threads: usize) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build()
}
