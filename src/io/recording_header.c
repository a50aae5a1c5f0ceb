// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording's header is shown, counted with and allocated for: each field must be what a run can write. The checksum shows
 * damage only, since who makes a recording makes its checksum too. The host's name may have any bytes, as the kernel's has: it
 * is escaped where it is shown.
 */
#include "recording_header.h"

#include "src/core/conn_config.h"

#include <stdbool.h>
#include <string.h>

#define RING_BYTES_MAX (1ull << 40) /* --ring ends at 1G, which is rounded up for each CPU */

/*
 * clock_settime() takes no later time, and none before CLOCK_MONOTONIC (timekeeping.c since Linux 4.20 and 4.3): 30 years
 * before int64_t nanoseconds end. CLOCK_BOOTTIME goes on during a suspend, so wall - boottime may be below 0.
 */
#define OFFSET_MAX ((INT64_MAX / 1000000000 - 30 * 365 * 24 * 3600ll) * 1000000000)

static bool is_offset(int64_t offset_ns)
{
	return offset_ns >= -OFFSET_MAX && offset_ns <= OFFSET_MAX;
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size);
}

/* Printable ASCII: versions, and the kernel's words for itself. */
static bool is_word(const char *text, size_t size)
{
	if (!ends(text, size))
		return false;
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

/* As the kernel prints one; "" where it was not known. */
static bool is_boot_id(const char *text, size_t size)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (!ends(text, size) || (text[0] && strlen(text) != sizeof(form) - 1))
		return false;
	for (size_t i = 0; text[i]; i++) {
		if (form[i] == '-' ? text[i] != '-' : !strchr("0123456789abcdef", text[i]))
			return false;
	}
	return true;
}

#define RETURN_FAULT(field, sound, what)                                                                                       \
	do {                                                                                                                   \
		if (!(sound)) {                                                                                                \
			*ret_offset = offsetof(struct recording_header, field);                                                \
			return what;                                                                                           \
		}                                                                                                              \
	} while (0)

const char *recording_header_fault(const struct recording_header *h, size_t *ret_offset)
{
	RETURN_FAULT(clock_offset_ns, is_offset(h->clock_offset_ns), "clock_offset_ns in its header is not that of any clock");
	RETURN_FAULT(boot_offset_ns, is_offset(h->boot_offset_ns), "boot_offset_ns in its header is not that of any clock");
	RETURN_FAULT(ring_bytes, h->ring_bytes <= RING_BYTES_MAX, "ring_bytes in its header is more than any ring has");
	RETURN_FAULT(max_connections, h->max_connections && h->max_connections <= CONN_MAX,
		     "max_connections in its header is not a number from 1 to 16777216");
	RETURN_FAULT(foreign_pids, h->foreign_pids <= 1, "foreign_pids in its header is neither 0 nor 1");
	RETURN_FAULT(boot_id, is_boot_id(h->boot_id, sizeof(h->boot_id)), "boot_id in its header is not a UUID");
	RETURN_FAULT(hostname, ends(h->hostname, sizeof(h->hostname)), "hostname in its header has no end");
	RETURN_FAULT(tool, is_word(h->tool, sizeof(h->tool)), "tool in its header is not printable");
	RETURN_FAULT(kernel, is_word(h->kernel, sizeof(h->kernel)), "kernel in its header is not printable");
	RETURN_FAULT(arch, is_word(h->arch, sizeof(h->arch)), "arch in its header is not printable");
	RETURN_FAULT(libbpf, is_word(h->libbpf, sizeof(h->libbpf)), "libbpf in its header is not printable");
	return NULL;
}
