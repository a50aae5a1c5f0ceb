// SPDX-License-Identifier: GPL-2.0-only
/*
 * The version and the JSON schema. VERSION and SCHEMA_FILE come from the Makefile and for this file only, so that a commit
 * rebuilds one object.
 */
#include "embedded.h"

const char version_string[] = VERSION;

__asm__(".pushsection .rodata, \"a\"\n"
	".globl schema_json\n"
	".type schema_json, %object\n"
	"schema_json:\n"
	".incbin \"" SCHEMA_FILE "\"\n"
	"schema_json_end:\n"
	".size schema_json, . - schema_json\n"
	".balign 8\n"
	".globl schema_json_len\n"
	".type schema_json_len, %object\n"
	"schema_json_len:\n"
	".dc.a schema_json_end - schema_json\n"
	".size schema_json_len, . - schema_json_len\n"
	".popsection\n");
