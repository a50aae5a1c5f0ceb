// SPDX-License-Identifier: GPL-2.0-only
//! A pool in Rust that keeps a connection which its peer has closed, until the end of standard input.
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};

mod pool {
    use super::*;

    pub struct Client<T> {
        pub connections: Vec<T>,
    }

    impl Client<TcpStream> {
        #[inline(never)]
        pub fn dial(&mut self, to: SocketAddr) {
            self.connections.push(TcpStream::connect(to).expect("connect"));
        }
    }
}

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let mut client = pool::Client { connections: Vec::new() };
    client.dial(listener.local_addr().expect("address"));
    drop(listener.accept().expect("accept"));
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("the end");
}
