// SPDX-License-Identifier: GPL-2.0-only
// A server with two workers, both of which wait for a lock. What it accepts stands in their queue.
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

public class Workers {
	static final Semaphore database = new Semaphore(0); // nobody gives it back

	static void serve(Socket client, boolean fix) {
		try (client) {
			if (!fix)
				database.acquire();
			else if (!database.tryAcquire(200, TimeUnit.MILLISECONDS))
				return;
			client.getInputStream().read();
		} catch (IOException | InterruptedException e) {
			System.err.println(e);
		}
	}

	public static void main(String[] args) throws IOException {
		ExecutorService workers = Executors.newFixedThreadPool(2);
		ServerSocket listener = new ServerSocket(9090, 50, InetAddress.getLoopbackAddress());

		System.out.println("listens");
		while (true) {
			Socket client = listener.accept();
			workers.execute(() -> serve(client, args[0].equals("fix")));
		}
	}
}
