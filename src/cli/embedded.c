// SPDX-License-Identifier: GPL-2.0-only
/*
 * The version and some files. The macros come from the Makefile and for this file only, so that a commit rebuilds one object.
 */
#include "embedded.h"

const char version_string[] = VERSION;

const char outputs_string[] = "file, unix, journal"
#ifdef WITH_KAFKA
			      ", kafka"
#endif
#ifdef WITH_OTLP
			      ", otlp+http, otlp+https"
#endif
	;

const char metrics_string[] = "file"
#ifdef WITH_HTTP
			      ", http"
#endif
	;

const char report_css_sha256[] = REPORT_CSS_SHA256;
const char report_js_sha256[] = REPORT_JS_SHA256;
const char live_js_sha256[] = LIVE_JS_SHA256;

#if !defined(LINKED_STATIC)
const char linked_string[] = "to libraries of the host";
#elif LINKED_STATIC == 1
const char linked_string[] = "to the host's C library; libbpf and all others are in the program";
#else
const char linked_string[] = "to nothing: all libraries are in the program";
#endif

/* `name` and `name`_len are a file's bytes and their number. */
#define EMBED(name, file)                                                                                                      \
	__asm__(".pushsection .rodata, \"a\"\n"                                                                                \
		".globl " #name "\n"                                                                                           \
		".type " #name ", %object\n" #name ":\n"                                                                       \
		".incbin \"" file "\"\n" #name "_end:\n"                                                                       \
		".size " #name ", . - " #name "\n"                                                                             \
		".balign 8\n"                                                                                                  \
		".globl " #name "_len\n"                                                                                       \
		".type " #name "_len, %object\n" #name "_len:\n"                                                               \
		".dc.a " #name "_end - " #name "\n"                                                                            \
		".size " #name "_len, . - " #name "_len\n"                                                                     \
		".popsection\n")

EMBED(schema_json, SCHEMA_FILE);
EMBED(explain_text, EXPLAIN_FILE);
EMBED(report_css, REPORT_CSS_FILE);
EMBED(report_js, REPORT_JS_FILE);
EMBED(live_js, LIVE_JS_FILE);
