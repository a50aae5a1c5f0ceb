/* SPDX-License-Identifier: GPL-2.0-only */
/* A program as a process runs it: its files with code, each opened when a stack first leads there. */
#pragma once

#include "file_source.h"
#include "runtime.h"
#include "bpf/wire.h"

#include <elfutils/libdwfl.h>
#include <stdbool.h>

struct capture;

/* Which file it is, as the kernel says: whatever it says of itself. */
struct file_identity {
	uint64_t device, inode, size, changed_ns; /* size 0: not known */
};

struct image_module {
	struct image *image;
	struct module_range range;
	bool tried; /* to open it */
	struct file_identity identity;
};

struct image {
	struct program_id program; /* tgid 0: free */
	uint64_t opened_ns, used;
	Dwfl *dwfl;
	const struct file_source *source;
	const struct capture *capture; /* while it is unwound */
	const __u64 *regs;             /* where that begins, in the capture's order */
	Elf *machine;
	struct image_module *modules;
	struct runtime runtime;
	unsigned int files; /* that were opened and stay open */
	bool late;          /* a file was not to be had in time; the caller resets it */
	bool gone;          /* the program ended before its files were opened */
};
#define IMAGE_FILES_MAX 24 /* of an image: a stack leads to few */

/* The file of a module of an image; NULL if it is not known. */
const struct file_identity *image_identity(Dwfl_Module *mod);

/* A module that is the system's, or a runtime's; `ret_runtime` says which. */
bool image_is_library(Dwfl_Module *mod, struct runtime *ret_runtime);

/* What libdwfl loads when it is first used is loaded now: before the sandbox. */
int image_prepare(void);

/* `image` must not move. 0 or -errno. */
int image_open(struct image *image, const struct file_source *source, const struct program_id *program, uint64_t now);
void image_close(struct image *image); /* it is free then */
