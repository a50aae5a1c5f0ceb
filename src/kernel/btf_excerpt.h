/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's types that an object of programs reads, as a file for bpf_object_open_opts.btf_custom_path. Types have other
 * numbers in it: an object that asks for a number (bpf_core_type_id_kernel()) must not use it.
 */
#pragma once

struct btf;
struct kernel_btf;

struct btf_excerpt {
	const struct kernel_btf *kernel;
	int fd;
	char name[32];
	const char *path; /* of a file in memory, empty at first; NULL: there is none, and loading takes longer */
};

/* `kernel` lives longer; NULL: no excerpt. */
void btf_excerpt_open(struct btf_excerpt *excerpt, const struct kernel_btf *kernel);

/* With all that the kernel has of the structs, unions and enums of `object`. 0 or -errno; 0 if there is no file. */
int btf_excerpt_fill(const struct btf_excerpt *excerpt, const struct btf *object);

void btf_excerpt_close(struct btf_excerpt *excerpt);
