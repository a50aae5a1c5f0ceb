// SPDX-License-Identifier: GPL-2.0-only
// Fetches a page and never closes the stream of its body.
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.util.ArrayList;
import java.util.List;

public class Body {
	static final List<InputStream> kept = new ArrayList<>();

	public static void main(String[] args) throws IOException {
		URL url = new URL("http://127.0.0.1:8080/");

		for (int i = 0; i < 3; i++) {
			if (args[0].equals("fix")) {
				try (InputStream body = url.openStream()) {
					body.read();
				}
			} else {
				InputStream body = url.openStream();
				body.read();
				kept.add(body);
			}
		}
		System.out.println("used");
		while (System.in.read() >= 0) {
		}
	}
}
