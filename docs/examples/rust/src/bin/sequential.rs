//! One call after another: the client only waits, 8 times 250 ms.

use std::time::{Duration, Instant};
use std::{env, error::Error};

use longsync::v1::LongSyncRequest;
use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use tonic::transport::Channel;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("LONGSYNC_URL").unwrap_or("http://127.0.0.1:9000".into());
    let mut client = LongSyncServiceClient::new(Channel::from_shared(url)?.connect().await?);
    let delay = Duration::from_millis(250).try_into()?;
    let request = LongSyncRequest { delay: Some(delay), ..Default::default() };

    let start = Instant::now();
    for call in 0..8 {
        let answer = client.long_sync(request.clone()).await?.into_inner();
        println!("{call}: {} after {:.2?}", answer.message, start.elapsed());
    }
    println!("8 calls one after another: {:.2?}", start.elapsed());
    Ok(())
}
