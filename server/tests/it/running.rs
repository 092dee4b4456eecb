//! A server that runs alongside its caller.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use longsync_server::{Behavior, CallKind, Config, ConfigError, Limits, Options, Outcome, start};
use longsync_server::{RunningServer, start_with};
use tonic::Code;

use crate::harness::{Client, HOUR, ORIGIN, Result, connect, ms, wait};

/// The answer to a plain HTTP/1.1 client.
fn get(server: &RunningServer, path: &str) -> Result<String> {
    let mut socket = TcpStream::connect(server.local_addr())?;
    write!(socket, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

async fn client(server: &RunningServer) -> Result<Client> {
    let socket = tokio::net::TcpStream::connect(server.local_addr()).await?;
    Ok(Client::with_origin(connect(socket).await?, ORIGIN.parse()?))
}

async fn until_in_flight(server: &RunningServer, calls: u64) {
    while server.stats().snapshot().calls_in_flight() != calls {
        tokio::task::yield_now().await;
    }
}

#[test]
fn it_serves_a_test_without_a_runtime() -> Result<()> {
    let server = start(Behavior::constant(ms(1)))?;
    assert!(get(&server, "/long_sync")?.ends_with("Done!"));
    let stats = server.stats();
    drop(server);
    assert_eq!(stats.snapshot().calls_ended(CallKind::Http, Outcome::Answered), 1);
    Ok(())
}

#[tokio::test]
async fn dropping_it_ends_the_waiting_calls() -> Result<()> {
    let server = start(Behavior::constant(HOUR))?;
    let mut client = client(&server).await?;
    let waits = tokio::spawn(async move { client.long_sync(wait(HOUR)).await });
    until_in_flight(&server, 1).await;
    let addr = server.local_addr();
    // This is inside a runtime, on its thread, and it does not wait for the drain of 10 s.
    drop(server);
    assert_eq!(waits.await?.unwrap_err().code(), Code::Unavailable);
    assert!(TcpStream::connect(addr).is_err(), "nobody listens any more");
    Ok(())
}

#[tokio::test]
async fn stopping_it_lets_calls_finish() -> Result<()> {
    let server = start(Behavior::constant(ms(200)))?;
    let mut client = client(&server).await?;
    let waits = tokio::spawn(async move { client.long_sync(wait(ms(200))).await });
    until_in_flight(&server, 1).await;
    server.stop().await?;
    assert!(waits.await?.is_ok());
    Ok(())
}

/// The configured drain is one hour; a stop that is not given up would wait for it.
#[tokio::test]
async fn a_stop_that_is_given_up_ends_it_at_once() -> Result<()> {
    let listen = ([127, 0, 0, 1], 0).into();
    let server = start_with(Config::new(Options { listen, drain: HOUR, ..Options::default() })?)?;
    let mut client = client(&server).await?;
    let waits = tokio::spawn(async move { client.long_sync(wait(HOUR)).await });
    until_in_flight(&server, 1).await;
    let given_up = tokio::time::timeout(Duration::from_millis(20), server.stop()).await;
    assert!(given_up.is_err(), "it is still waiting for the call");
    assert_eq!(waits.await?.unwrap_err().code(), Code::Unavailable);
    Ok(())
}

#[test]
fn invalid_options_are_refused_before_anything_starts() {
    let said = start(Behavior::constant(2 * HOUR)).unwrap_err();
    assert!(said.to_string().contains("2h, is over the limit: ask for at most 1h"), "{said}");
    let limits = Limits { max_streams: 0, ..Limits::default() };
    let refused = Config::new(Options { limits, ..Options::default() });
    assert!(matches!(refused, Err(ConfigError::NoStreams)));
}
