// SPDX-License-Identifier: GPL-2.0-only
/*
 * opener with debug information by hand, in which whoever looks for a name goes in a circle: build it with -g0. The unit and
 *its functions cover the whole program.
 *
 *	unit > subprogram (abstract_origin: the next one) > inlined_subroutine (abstract_origin: itself)
 *	     > subprogram (specification: the previous one)
 *	     > subprogram whose sibling is itself
 */
#include "opener.c"

#define TAG_UNIT "0x11"
#define TAG_FUNCTION "0x2e"
#define TAG_INLINED "0x1d"
#define AT_SIBLING "0x01"
#define AT_ORIGIN "0x31"
#define AT_SPECIFICATION "0x47"
#define AT_LOW_PC "0x11"
#define AT_HIGH_PC "0x12"
#define FORM_ADDR "0x01"
#define FORM_REF4 "0x13"

#define ABBREV(number, tag, children, attribute)                                                                               \
	".uleb128 " number ", " tag "\n.byte " children "\n.uleb128 " AT_LOW_PC ", " FORM_ADDR ", " AT_HIGH_PC ", " FORM_ADDR  \
	"\n" attribute ".byte 0, 0\n"
#define REF(attribute) ".uleb128 " attribute ", " FORM_REF4 "\n"
#define COVERS ".quad __executable_start, etext\n"

__asm__(".pushsection .debug_abbrev,\"\",@progbits\n" ABBREV("1", TAG_UNIT, "1", "")
		ABBREV("2", TAG_FUNCTION, "1", REF(AT_ORIGIN)) ABBREV("3", TAG_INLINED, "1", REF(AT_ORIGIN))
			ABBREV("4", TAG_FUNCTION, "0", REF(AT_SPECIFICATION))
				ABBREV("5", TAG_FUNCTION, "0", REF(AT_SIBLING)) ".byte 0\n.popsection");

__asm__(".pushsection .debug_info,\"\",@progbits\n"
	".Lunit: .long .Lunit_end - .Lunit_begin\n"
	".Lunit_begin: .short 4\n.long 0\n.byte 8\n"
	".byte 1\n" COVERS ".Lfunction: .byte 2\n" COVERS ".long .Lother - .Lunit\n"
	".Linlined: .byte 3\n" COVERS ".long .Linlined - .Lunit\n"
	".byte 0, 0\n"
	".Lother: .byte 4\n" COVERS ".long .Lfunction - .Lunit\n"
	".Lsibling: .byte 5\n" COVERS ".long .Lsibling - .Lunit\n"
	".byte 0\n"
	".Lunit_end:\n.popsection");
