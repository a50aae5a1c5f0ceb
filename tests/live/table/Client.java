// SPDX-License-Identifier: GPL-2.0-only
// Asks with java.net.http: for whole answers, whose connection stays in the client's pool, or for streams.
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;

public class Client {
	static final HttpClient client = HttpClient.newHttpClient();
	static final List<InputStream> kept = new ArrayList<>();

	public static void main(String[] args) throws IOException, InterruptedException {
		HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:8080/page")).build();

		for (int i = 0; i < 3; i++) {
			if (args[0].equals("pool")) {
				client.send(request, BodyHandlers.ofString());
			} else if (args[0].equals("fix")) {
				try (InputStream body = client.send(request, BodyHandlers.ofInputStream()).body()) {
					body.read();
				}
			} else {
				kept.add(client.send(request, BodyHandlers.ofInputStream()).body());
			}
		}
		System.out.println("used");
		while (System.in.read() >= 0) {
		}
	}
}
