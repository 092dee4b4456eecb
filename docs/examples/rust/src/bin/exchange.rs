//! A single call with 8 messages: their answers overtake one another and are matched by id.

use std::time::{Duration, Instant};
use std::{env, error::Error};

use longsync::v1::LongSyncExchangeRequest;
use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use tonic::transport::Channel;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("LONGSYNC_URL").unwrap_or("http://127.0.0.1:9000".into());
    let mut client = LongSyncServiceClient::new(Channel::from_shared(url)?.connect().await?);
    let requests = (0..8).map(|id| {
        let delay = Duration::from_millis(400 - 50 * id).try_into().ok();
        LongSyncExchangeRequest { id, delay, ..Default::default() }
    });

    let start = Instant::now();
    let mut answers = client.long_sync_exchange(tokio_stream::iter(requests)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        println!("{}: {} after {:.2?}", answer.id, answer.message, start.elapsed());
    }
    println!("8 messages in one call: {:.2?}", start.elapsed());
    Ok(())
}
