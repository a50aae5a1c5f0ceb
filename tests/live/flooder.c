/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sends SYNs from a raw socket to an address of its own namespace: flooder TO PORT COUNT [PORTS]. They come from addresses of
 * 198.18.0.0/15 (RFC 2544), one after the other, and go to PORT, or to PORTS ports from PORT on. Prints how many were sent.
 */
#include <arpa/inet.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct syn {
	struct iphdr ip;
	struct tcphdr tcp;
};

struct pseudo {
	uint32_t from, to;
	uint8_t zero, protocol;
	uint16_t len;
	struct tcphdr tcp;
};

static uint16_t checksum(const void *data, size_t len)
{
	uint32_t sum = 0;
	uint16_t word;

	for (size_t at = 0; at < len; at += sizeof(word)) {
		memcpy(&word, (const char *)data + at, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static struct syn make(uint32_t from, uint32_t to, uint16_t port, uint32_t seq)
{
	struct syn syn = {
		.ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP, .saddr = from, .daddr = to},
		.tcp = {.source = htons((uint16_t)(1024 + seq % 60000)),
			.dest = htons(port),
			.seq = htonl(seq * 2654435761u),
			.doff = 5,
			.syn = 1,
			.window = htons(65535)},
	};
	struct pseudo pseudo = {from, to, 0, IPPROTO_TCP, htons(sizeof(syn.tcp)), syn.tcp};

	syn.ip.tot_len = htons(sizeof(syn));
	syn.tcp.check = checksum(&pseudo, sizeof(pseudo));
	return syn;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	unsigned long count, ports, sent = 0;
	int fd, port;

	if (argc < 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	port = atoi(argv[2]);
	count = strtoul(argv[3], NULL, 10);
	ports = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	for (unsigned long i = 0; fd >= 0 && i < count; i++) {
		uint16_t dest = (uint16_t)(port + (ports > 1 ? (i * 40503u) % ports : 0));
		struct syn syn = make(htonl(0xc6120000u + (uint32_t)(i % 131000) + 1), to.sin_addr.s_addr, dest, (uint32_t)i);

		sent += sendto(fd, &syn, sizeof(syn), 0, (struct sockaddr *)&to, sizeof(to)) == sizeof(syn);
	}
	printf("%lu\n", sent);
	return fd < 0;
}
