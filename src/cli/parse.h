/* SPDX-License-Identifier: GPL-2.0-only */
/* The notations of the command line: text in, value out. True and *ret set, or false and *ret untouched. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cidr;
struct endpoint;
struct port_range;

bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret); /* decimal digits and nothing else */
bool parse_duration(const char *text, uint64_t *ret_ns); /* 500ms 1.5s 5m 2h 1d; 30 is seconds; 0 is refused */
/* 2026-01-02, with T03:04 or T03:04:05 behind it, all in UTC with or without a Z; or a duration: so long ago. In us since 1970.
 */
bool parse_moment(const char *text, int64_t *ret_us);
bool parse_size(const char *text, uint64_t *ret_bytes);  /* 4096 64K 16M 1G */
bool parse_percent(const char *text, uint64_t *ret_ppm); /* 5 5% 0.5%, in millionths; 0 is refused */
bool parse_pid(const char *text, uint32_t *ret_pid);
/* 7c9e6679.2a01, or the cookie alone, also with sk: before it: then *boot is "". */
bool parse_conn_id(const char *text, char boot[9], uint64_t *ret_cookie);
bool parse_ports(const char *text, struct port_range *ret_range); /* 443 or 8000-8999 */
bool parse_endpoint(const char *text, struct endpoint *ret);      /* 192.0.2.7:443 or [2001:db8::1]:443 */
bool parse_cidr(const char *text, struct cidr *ret_cidr);         /* an address alone is a /32 or /128 */

/* Names in any case, with - or _ or neither: FIN_WAIT1, fin-wait-1. */
bool parse_name_equal(const char *a, const char *b);

/* A state as RFC 9293 or ss spell it, where the kernel's spelling is another. */
bool parse_state_alias(const char *text, uint32_t *ret_state);
