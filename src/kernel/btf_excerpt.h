/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's types that an object of programs reads, as a file for bpf_object_open_opts.btf_custom_path. Types have other
 * numbers in it: an object that asks for a number (bpf_core_type_id_kernel()) must not use it.
 */
#pragma once

struct btf;
struct kernel_btf;

struct btf_excerpt {
	int fd;        /* -1: none */
	char path[32]; /* empty, or of a file that is in memory */
};

/* The file exists from now on, and is empty. 0 or -errno. */
int btf_excerpt_open(struct btf_excerpt *excerpt);

/* With all that the kernel has of the structs, unions and enums of `object`. 0 or -errno. */
int btf_excerpt_fill(const struct btf_excerpt *excerpt, const struct kernel_btf *kernel, const struct btf *object);

void btf_excerpt_close(struct btf_excerpt *excerpt);
