// SPDX-License-Identifier: GPL-2.0-only
// A pool in Go that keeps a connection which its peer has closed, until the end of standard input.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

type Pool struct {
	connections []net.Conn
}

//go:noinline
func (p *Pool) Dial(address string) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	p.connections = append(p.connections, connection)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	pool := &Pool{}
	pool.Dial(listener.Addr().String())
	peer, err := listener.Accept()
	if err != nil {
		panic(err)
	}
	peer.Close()
	fmt.Println("leaked")
	io.ReadAll(os.Stdin)
	fmt.Println(len(pool.connections))
}
