//! A delay line: a TCP proxy which holds back the bytes that the server sends, and nothing else.
//!
//!     delay_line SERVER-ADDRESS MILLISECONDS
//!
//! Prints the address at which it listens. Each chunk of bytes leaves exactly this long after it arrived: one
//! thread reads and records the time, another one sleeps and sends. It is a program of its own, because the
//! measuring programs must not delay it, and uses only the standard library, so that `rustc` can build it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

const PIECE: usize = 1 << 16;

/// Bytes from the server, and when they may leave.
type DelayedBytes = (Instant, Vec<u8>);

fn main() -> io::Result<()> {
    let [server, delay] = <[String; 2]>::try_from(std::env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| {
            io::Error::other("expected the server's address and a number of milliseconds")
        })?;
    let delay = Duration::from_millis(delay.parse().map_err(io::Error::other)?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    for client in listener.incoming() {
        join(client?, TcpStream::connect(&server)?, delay)?;
    }
    Ok(())
}

/// Connects the two until one of them closes.
fn join(client: TcpStream, server: TcpStream, delay: Duration) -> io::Result<()> {
    for each in [&client, &server] {
        each.set_nodelay(true)?;
    }
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let (keep, held) = channel();
    thread::spawn(move || pass(from_client, to_server));
    thread::spawn(move || {
        each_piece(server, |piece| keep.send((Instant::now() + delay, piece.to_vec())).is_ok());
    });
    thread::spawn(move || release(&held, client));
    Ok(())
}

fn pass(from: TcpStream, mut to: TcpStream) {
    each_piece(from, |piece| to.write_all(piece).is_ok());
    let _ = to.shutdown(Shutdown::Both);
}

/// Reads until there are no more bytes, or `take` accepts no more.
fn each_piece(mut from: TcpStream, mut take: impl FnMut(&[u8]) -> bool) {
    let mut bytes = vec![0; PIECE];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !take(&bytes[..count]) {
            return;
        }
    }
}

fn release(held: &Receiver<DelayedBytes>, mut to: TcpStream) {
    for (due, piece) in held {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
