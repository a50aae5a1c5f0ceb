// SPDX-License-Identifier: GPL-2.0-only
// A pool in C++ that keeps a connection which its peer has closed, until the end of standard input.
#include <cstdio>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace pool
{
template <typename Address> class Client
{
	std::vector<int> connections;

public:
	__attribute__((noinline)) void dial(const Address &to)
	{
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, reinterpret_cast<const sockaddr *>(&to), sizeof(to)))
			perror("connect");
		connections.push_back(fd);
	}
};
}

int main()
{
	sockaddr_in address = {};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pool::Client<sockaddr_in> client;

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, reinterpret_cast<sockaddr *>(&address), len) || listen(listener, 8) ||
	    getsockname(listener, reinterpret_cast<sockaddr *>(&address), &len))
		return 1;
	client.dial(address);
	close(accept(listener, nullptr, nullptr));
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
}
