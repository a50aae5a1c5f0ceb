// SPDX-License-Identifier: GPL-2.0-only
// A server that may answer after the client's end, and never ends its own side.
const net = require('net');

const server = net.createServer({allowHalfOpen: true}, (socket) => {
	socket.on('data', () => socket.write('ok\n'));
	if (process.argv[2] === 'fix')
		socket.on('end', () => socket.end());
});
server.listen(7000, '127.0.0.1', () => console.log('listens'));
