// SPDX-License-Identifier: GPL-2.0-only
/*
 * The version and two files. The macros come from the Makefile and for this file only, so that a commit rebuilds one object.
 */
#include "embedded.h"

const char version_string[] = VERSION;

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
