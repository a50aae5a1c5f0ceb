// SPDX-License-Identifier: GPL-2.0-only
/*
 * libdwfl with callbacks of ours alone, so that it opens no file, maps none, and never loads the library that asks servers for
 * debug information. A file is an Elf that reads by pread(): a file that gets shorter gives an error, and no SIGBUS.
 */
#include "image.h"

#include "opener_protocol.h"
#include "bpf/shared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	const struct image *image = arg;

	(void)dwfl;
	if (*thread_arg)
		return 0;
	*thread_arg = arg;
	return (pid_t)image->program.tgid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	(void)dwfl, (void)tid;
	*thread_arg = arg;
	return true;
}

static bool read_stack(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *result, void *arg)
{
	const struct capture *c = ((const struct image *)arg)->capture;
	uint64_t offset = addr - c->regs[DWARF_RSP];

	(void)dwfl;
	if (c->len < sizeof(*result) || offset > c->len - sizeof(*result))
		return false;
	memcpy(result, c->stack + offset, sizeof(*result));
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct image *image = arg;
	Dwarf_Word regs[DWARF_REGS];

	for (unsigned int i = 0; i < DWARF_REGS; i++)
		regs[i] = image->regs[i];
	return dwfl_thread_state_registers(thread, 0, DWARF_REGS, regs);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_stack,
	.set_initial_registers = set_registers,
};

/* A program or a library, for this machine. */
static bool is_usable(Elf *elf)
{
	GElf_Ehdr head;

	return elf_kind(elf) == ELF_K_ELF && gelf_getclass(elf) == ELFCLASS64 && gelf_getehdr(elf, &head) &&
	       head.e_machine == EM_X86_64 && (head.e_type == ET_DYN || head.e_type == ET_EXEC);
}

/* Counts what stays open, and what did not come in time. */
static int take(struct image *image, int fd)
{
	if (fd >= 0)
		image->files++;
	else if (fd == -ETIMEDOUT || fd == -EAGAIN)
		image->late = true;
	else if (fd == -ESRCH)
		image->gone = true;
	return fd < 0 ? -1 : fd;
}

static void identify(struct image_module *m, int fd)
{
	struct stat st;

	if (!fstat(fd, &st) && st.st_size > 0)
		m->identity =
			(struct file_identity){st.st_dev, st.st_ino, (uint64_t)st.st_size,
					       (uint64_t)st.st_ctim.tv_sec * 1000000000ull + (uint64_t)st.st_ctim.tv_nsec};
}

const struct file_identity *image_identity(Dwfl_Module *mod)
{
	const struct image_module *m;
	void **userdata;

	dwfl_module_info(mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	m = *userdata;
	return m && m->identity.size ? &m->identity : NULL;
}

bool image_is_library(Dwfl_Module *mod, struct runtime *ret_runtime)
{
	const struct image_module *m;
	void **userdata;

	dwfl_module_info(mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	m = *userdata;
	*ret_runtime = m ? runtime_of_file(m->range.name) : (struct runtime){0};
	return m && (m->range.of_system || runtime_has_file(m->range.name));
}

/* On failure neither *file_name nor *elf is set: then libdwfl tries nothing by itself. */
static int find_elf(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base, char **file_name, Elf **elf)
{
	struct image_module *m = *userdata;
	int fd;

	(void)mod, (void)name, (void)base, (void)file_name;
	if (!m || m->tried || m->image->files >= IMAGE_FILES_MAX)
		return -1;
	m->tried = true;
	fd = take(m->image, m->image->source->open(m->image->source->ctx, &m->image->program, &m->range));
	if (fd < 0)
		return -1;
	identify(m, fd);
	*elf = elf_begin(fd, ELF_C_READ, NULL);
	if (*elf && is_usable(*elf))
		return fd;
	elf_end(*elf);
	*elf = NULL;
	close(fd);
	m->image->files--;
	return -1;
}

/*
 * By the build id alone. What .gnu_debuglink and .gnu_debugaltlink name is never opened; for the latter libdwfl calls with the
 * name and no checksum.
 */
static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base, const char *file_name,
			  const char *link, GElf_Word checksum, char **debug_name)
{
	struct image_module *m = *userdata;
	const unsigned char *id;
	GElf_Addr vaddr;
	int len;

	(void)name, (void)base, (void)file_name, (void)debug_name;
	if (!m || (link && !checksum) || m->image->files >= IMAGE_FILES_MAX)
		return -1;
	len = dwfl_module_build_id(mod, &id, &vaddr);
	if (len < BUILD_ID_MIN || len > BUILD_ID_MAX)
		return -1;
	return take(m->image, m->image->source->open_debug(m->image->source->ctx, id, (size_t)len));
}

static const Dwfl_Callbacks callbacks = {.find_elf = find_elf, .find_debuginfo = find_debuginfo};

/* An empty program: it says which machine this is, whatever the process has mapped. */
static const Elf64_Ehdr machine = {
	.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	.e_type = ET_EXEC,
	.e_machine = EM_X86_64,
	.e_version = EV_CURRENT,
	.e_ehsize = sizeof(machine),
};

static int report(struct image *image, const struct module_range *ranges, size_t n)
{
	image->modules = calloc(n ?: 1, sizeof(*image->modules));
	if (!image->modules)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct image_module *m = &image->modules[i];
		Dwfl_Module *mod;
		void **userdata;

		m->image = image;
		m->range = ranges[i];
		if (!image->runtime.kind)
			image->runtime = runtime_of_file(m->range.name);
		mod = dwfl_report_module(image->dwfl, m->range.name, m->range.low, m->range.high);
		if (!mod)
			continue;
		dwfl_module_info(mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
		*userdata = m;
	}
	return dwfl_report_end(image->dwfl, NULL, NULL) ? -EINVAL : 0;
}

static int attach(struct image *image, const struct module_range *ranges, size_t n)
{
	int err;

	elf_version(EV_CURRENT);
	image->machine = elf_memory((char *)&machine, sizeof(machine)); /* it is only read */
	image->dwfl = dwfl_begin(&callbacks);
	if (!image->dwfl || !image->machine)
		return -ENOMEM;
	err = report(image, ranges, n);
	if (!err && !dwfl_attach_state(image->dwfl, image->machine, (pid_t)image->program.tgid, &thread_callbacks, image))
		err = -EINVAL;
	return err;
}

int image_open(struct image *image, const struct file_source *source, const struct program_id *program, uint64_t now)
{
	struct module_range ranges[MODULES_MAX];
	int n = source->modules(source->ctx, program, ranges), err;

	if (n < 0)
		return n;
	*image = (struct image){.program = *program, .opened_ns = now, .source = source};
	err = attach(image, ranges, (size_t)n);
	if (err)
		image_close(image);
	return err;
}

void image_close(struct image *image)
{
	if (image->dwfl)
		dwfl_end(image->dwfl);
	elf_end(image->machine);
	free(image->modules);
	*image = (struct image){0};
}

int image_prepare(void)
{
	struct image image = {.program.tgid = 1};
	int err = attach(&image, NULL, 0);

	image_close(&image);
	return err;
}
