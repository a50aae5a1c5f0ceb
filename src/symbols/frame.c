// SPDX-License-Identifier: GPL-2.0-only
/* What a place in a program is called, by its debug information or else by its symbols. */
#include "frame.h"

#include "demangle.h"

#include <dwarf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void advance(struct frame_text *text, int len)
{
	text->p += len < text->end - text->p ? len : text->end - text->p - 1;
}

void frame_text_put(struct frame_text *text, const char *format, ...)
{
	char *from = text->p;
	va_list args;

	va_start(args, format);
	advance(text, vsnprintf(text->p, (size_t)(text->end - text->p), format, args));
	va_end(args);
	for (; from < text->p; from++) {
		if ((*from < ' ' || *from > '~') &&
		    !(*from == '\n' && from + 1 == text->p)) /* a line that is cut has no newline */
			*from = '?';
	}
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

/*
 * By the linker's name if there is one, since it says of which class or module the function is. libdw (0.188) hands out names
 * that end with their section, without a terminator: no more is read of one than can be used.
 */
static const char *readable(const char *linkage, const char *name, char *buf, size_t size)
{
	char mangled[MANGLED_MAX + 2]; /* one more than is taken: a name that is cut here is too long */
	size_t len = linkage ? strnlen(linkage, sizeof(mangled) - 1) : 0;

	memcpy(mangled, linkage ?: "", len);
	mangled[len] = '\0';
	return demangle(mangled, buf, size) ? buf : name;
}

static const char *name_of(Dwarf_Die *die, char *buf, size_t size)
{
	Dwarf_Attribute attr;
	Dwarf_Attribute *found = dwarf_attr_integrate(die, DW_AT_linkage_name, &attr);

	if (!found)
		found = dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attr);
	return readable(found ? dwarf_formstring(found) : NULL, dwarf_diename(die), buf, size);
}

/* The unit that `addr` is compiled in. Some compilers, Go's and clang, write no index of units: then all are asked. */
static Dwarf_Die *find_unit(Dwfl_Module *mod, Dwarf_Addr addr, Dwarf_Addr *ret_bias)
{
	Dwarf_Die *cu = dwfl_module_addrdie(mod, addr, ret_bias);
	Dwarf *dwarf = cu ? NULL : dwfl_module_getdwarf(mod, ret_bias);
	Dwarf_Aranges *index;
	size_t n = 0;

	if (cu || !dwarf || (!dwarf_getaranges(dwarf, &index, &n) && n))
		return cu;
	while ((cu = dwfl_module_nextcu(mod, cu, ret_bias))) {
		if (dwarf_haspc(cu, addr - *ret_bias) == 1)
			return cu;
	}
	return NULL;
}

/* The scopes around `addr`, the innermost first, those that code was inlined into included. The caller frees them. */
static int find_scopes(Dwarf_Die *cu, Dwarf_Addr addr, Dwarf_Die **ret_scopes)
{
	Dwarf_Die *here = NULL;
	int n = 0;

	*ret_scopes = NULL;
	if (dwarf_getscopes(cu, addr, &here) > 0)
		n = dwarf_getscopes_die(&here[0], ret_scopes);
	free(here);
	return n;
}

/* A line for the function, and before it one for each that was inlined there. False: there are no line numbers. */
static bool put_source(struct frame_text *text, Dwfl_Module *mod, Dwarf_Addr addr)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = find_unit(mod, addr, &bias), cu, *scopes;
	Dwarf_Line *line;
	Dwarf_Files *files;
	const char *file;
	bool any = false;
	int n, number = 0;

	if (!unit)
		return false;
	cu = *unit;
	n = find_scopes(&cu, addr - bias, &scopes);
	line = n > 0 ? dwarf_getsrc_die(&cu, addr - bias) : NULL;
	file = line && !dwarf_lineno(line, &number) ? dwarf_linesrc(line, NULL, NULL) : NULL;
	for (int i = 0; i < n && file; i++) {
		int tag = dwarf_tag(&scopes[i]);
		char buf[FRAME_NAME_MAX + 1];
		const char *name;

		if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine)
			continue;
		name = name_of(&scopes[i], buf, sizeof(buf));
		if (!name)
			continue;
		frame_text_put(text, "%.*s (%s:%d)\n", FRAME_NAME_MAX, name, base_name(file), number);
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
	char buf[FRAME_NAME_MAX + 1];
	GElf_Off offset = 0;
	GElf_Sym sym;

	if (put_source(text, mod, addr))
		return;
	module = base_name(dwfl_module_info(mod, NULL, &start, NULL, NULL, NULL, NULL, NULL));
	dwfl_module_getelf(mod, &start);
	name = dwfl_module_addrinfo(mod, addr, &offset, &sym, NULL, NULL, NULL);
	if (name)
		frame_text_put(text, "%.*s+0x%" PRIx64 " (%s)\n", FRAME_NAME_MAX, readable(name, name, buf, sizeof(buf)),
			       (uint64_t)(offset + (pc - addr)), module);
	else
		frame_text_put(text, "%s+0x%" PRIx64 "\n", module, (uint64_t)(pc - start));
}

static bool is_at(const struct frame_place *place, const struct file_identity *file, uint64_t offset, bool exact)
{
	return place->offset == offset && place->exact == exact && !memcmp(&place->file, file, sizeof(*file));
}

/* Where the name of this place is kept, or will be. NULL: it is not known which file this is. */
static struct frame_place *find_place(struct frame_names *names, Dwfl_Module *mod, Dwarf_Addr pc, bool exact)
{
	GElf_Addr bias = 0;
	bool opened = dwfl_module_getelf(mod, &bias); /* first: by this the file is opened */
	const struct file_identity *file = opened ? image_identity(mod) : NULL;
	struct frame_place *place;
	uint64_t offset = pc - bias;

	if (!file)
		return NULL;
	place = &names->places[((file->inode ^ file->device << 20) + (offset ^ exact)) * 0x9e3779b97f4a7c15u >> 40 &
			       (FRAME_NAMES - 1)];
	if (place->text && !is_at(place, file, offset, exact)) {
		free(place->text);
		place->text = NULL;
	}
	if (!place->text)
		*place = (struct frame_place){.file = *file, .offset = offset, .exact = exact};
	return place;
}

void frame_name_put(struct frame_names *names, Dwfl_Module *mod, Dwarf_Addr pc, bool exact, struct frame_text *text)
{
	struct frame_place *place = find_place(names, mod, pc, exact);
	char *from = text->p;

	if (place && place->text) {
		advance(text, snprintf(text->p, (size_t)(text->end - text->p), "%s", place->text));
		return;
	}
	put_names(text, mod, pc, exact ? pc : pc - 1);
	if (place && text->end - text->p > 2) /* not cut short */
		place->text = strdup(from);
}
