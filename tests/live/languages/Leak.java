// SPDX-License-Identifier: GPL-2.0-only
// A pool in Java that dials at the first line of its input and keeps what its peer has closed, until the end of it.
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

public class Leak {
	static class Pool {
		final List<Socket> connections = new ArrayList<>();

		Socket dial(int port) throws IOException {
			connections.add(new Socket(InetAddress.getLoopbackAddress(), port));
			return connections.get(connections.size() - 1);
		}
	}

	public static void main(String[] args) throws IOException {
		ServerSocket listener = new ServerSocket(0, 8, InetAddress.getLoopbackAddress());
		Pool pool = new Pool();

		for (int i = 0; i < 50; i++) { // so that all of it is compiled, once and for good
			pool.dial(listener.getLocalPort()).close();
			listener.accept().close();
		}
		System.out.println("ready");
		System.in.read();
		pool.dial(listener.getLocalPort());
		listener.accept().close();
		System.out.println("leaked");
		while (System.in.read() >= 0) {
		}
	}
}
