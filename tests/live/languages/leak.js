// SPDX-License-Identifier: GPL-2.0-only
// A pool in Node that keeps a connection which its peer has closed, until the end of standard input.
const net = require("net");

class Pool {
	constructor() {
		this.connections = [];
	}

	dial(port) {
		this.connections.push(net.connect({ port, host: "127.0.0.1", allowHalfOpen: true }));
	}
}

const pool = new Pool();
const listener = net.createServer((peer) => {
	peer.end();
	console.log("leaked");
});

listener.listen(0, "127.0.0.1", () => pool.dial(listener.address().port));
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
