//! One OS thread per call: all wait at once, at the cost of 8 threads.

use std::time::{Duration, Instant};
use std::{env, error::Error, thread};

use longsync::v1::LongSyncRequest;
use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use tokio::runtime::Runtime;
use tonic::transport::Channel;

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("LONGSYNC_URL").unwrap_or("http://127.0.0.1:9000".into());
    let runtime = Runtime::new()?;
    let channel = runtime.block_on(Channel::from_shared(url)?.connect())?;
    let client = LongSyncServiceClient::new(channel);
    let delay = Duration::from_millis(250).try_into()?;
    let request = LongSyncRequest { delay: Some(delay), ..Default::default() };

    let start = Instant::now();
    thread::scope(|scope| {
        let spawn = |_| {
            let (mut client, request) = (client.clone(), request.clone());
            let runtime = runtime.handle();
            scope.spawn(move || runtime.block_on(client.long_sync(request)))
        };
        let threads: Vec<_> = (0..8).map(spawn).collect();
        for (call, thread) in threads.into_iter().enumerate() {
            let answer = thread.join().expect("no call panics")?.into_inner();
            println!("{call}: {} after {:.2?}", answer.message, start.elapsed());
        }
        println!("8 threads on one connection: {:.2?}", start.elapsed());
        Ok(())
    })
}
