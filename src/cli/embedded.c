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

extern const char report_css[], report_js[], live_js[];
extern const size_t report_css_len, report_js_len, live_js_len;

struct html_parts embedded_report_parts(void)
{
	return (struct html_parts){
		.style = report_css,
		.style_len = report_css_len,
		.style_sha256 = REPORT_CSS_SHA256,
		.script = report_js,
		.script_len = report_js_len,
		.script_sha256 = REPORT_JS_SHA256,
		.version = version_string,
	};
}

struct html_parts embedded_live_parts(void)
{
	struct html_parts parts = embedded_report_parts();

	parts.script = live_js;
	parts.script_len = live_js_len;
	parts.script_sha256 = LIVE_JS_SHA256;
	return parts;
}
