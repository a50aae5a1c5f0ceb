// SPDX-License-Identifier: GPL-2.0-only
/* What a place in a program is called, by its debug information or else by its symbols. */
#include "frame.h"

#include <dwarf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 100 /* of a function */

__attribute__((format(printf, 2, 3))) static void put(struct frame_text *text, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text->p, (size_t)(text->end - text->p), format, args);
	va_end(args);
	text->p += len < text->end - text->p ? len : text->end - text->p - 1;
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "?";
}

static Dwarf_Word attribute(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;
	Dwarf_Word value = 0;

	return dwarf_formudata(dwarf_attr(die, name, &attr), &value) ? 0 : value;
}

/* The scopes around `addr`, the innermost first, those that code was inlined into included. The caller frees them. */
static int find_scopes(Dwfl_Module *mod, Dwarf_Addr addr, Dwarf_Die *cu, Dwarf_Die **ret_scopes)
{
	Dwarf_Die *here = NULL, *found;
	Dwarf_Addr bias = 0;
	int n = 0;

	found = dwfl_module_addrdie(mod, addr, &bias);
	*ret_scopes = NULL;
	if (!found)
		return 0;
	*cu = *found;
	if (dwarf_getscopes(cu, addr - bias, &here) > 0)
		n = dwarf_getscopes_die(&here[0], ret_scopes);
	free(here);
	return n;
}

/* A line for the function, and before it one for each that was inlined there. False: there are no line numbers. */
static bool put_source(struct frame_text *text, Dwfl_Module *mod, Dwarf_Addr addr)
{
	Dwarf_Die cu, *scopes;
	int n = find_scopes(mod, addr, &cu, &scopes), number = 0;
	Dwfl_Line *line = n > 0 ? dwfl_module_getsrc(mod, addr) : NULL;
	const char *file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
	bool any = false;
	Dwarf_Files *files;

	for (int i = 0; i < n && file; i++) {
		int tag = dwarf_tag(&scopes[i]);
		const char *name = dwarf_diename(&scopes[i]);

		if (!name || (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine))
			continue;
		put(text, "%.*s (%s:%d)\n", NAME_MAX_LEN, name, base_name(file), number);
		any = true;
		if (tag == DW_TAG_subprogram)
			break;
		number = (int)attribute(&scopes[i], DW_AT_call_line);
		file = dwarf_getsrcfiles(&cu, &files, NULL)
			       ? NULL
			       : dwarf_filesrc(files, attribute(&scopes[i], DW_AT_call_file), NULL, NULL);
	}
	free(scopes);
	return any;
}

/* A caller's address is that of what follows the call, which may be another line or function: hence `addr`. */
static void put_names(struct frame_text *text, Dwfl_Module *mod, Dwarf_Addr pc, Dwarf_Addr addr)
{
	const char *name, *module;
	Dwarf_Addr start = 0; /* the address that the file calls 0: what addr2line wants is counted from there */
	GElf_Off offset = 0;
	GElf_Sym sym;

	if (put_source(text, mod, addr))
		return;
	module = base_name(dwfl_module_info(mod, NULL, &start, NULL, NULL, NULL, NULL, NULL));
	dwfl_module_getelf(mod, &start);
	name = dwfl_module_addrinfo(mod, addr, &offset, &sym, NULL, NULL, NULL);
	if (name)
		put(text, "%.*s+0x%" PRIx64 " (%s)\n", NAME_MAX_LEN, name, (uint64_t)(offset + (pc - addr)), module);
	else
		put(text, "%s+0x%" PRIx64 "\n", module, (uint64_t)(pc - start));
}

/* Where the name of this place is kept, or will be. NULL: the file has no build id. */
static struct frame_place *find_place(struct frame_names *names, Dwfl_Module *mod, Dwarf_Addr pc, bool exact)
{
	struct frame_place key = {.file = 14695981039346656037u, .exact = exact}; /* FNV-1a */
	const unsigned char *id;
	GElf_Addr vaddr, bias;
	struct frame_place *slot;
	int len;

	if (!dwfl_module_getelf(mod, &bias))
		return NULL;
	len = dwfl_module_build_id(mod, &id, &vaddr);
	if (len <= 0)
		return NULL;
	for (int i = 0; i < len; i++)
		key.file = (key.file ^ id[i]) * 1099511628211u;
	key.offset = pc - bias;
	slot = &names->places[(key.file ^ key.offset * 0x9e3779b97f4a7c15u ^ exact) % FRAME_NAMES];
	if (slot->text && (slot->file != key.file || slot->offset != key.offset || slot->exact != exact)) {
		free(slot->text);
		slot->text = NULL;
	}
	if (!slot->text)
		*slot = key;
	return slot;
}

void frame_name_put(struct frame_names *names, Dwfl_Module *mod, Dwarf_Addr pc, bool exact, struct frame_text *text)
{
	struct frame_place *place = find_place(names, mod, pc, exact);
	char *from = text->p;

	if (place && place->text) {
		put(text, "%s", place->text);
		return;
	}
	put_names(text, mod, pc, exact ? pc : pc - 1);
	if (place && text->end - text->p > 2) /* not cut short */
		place->text = strdup(from);
}
