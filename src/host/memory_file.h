/* SPDX-License-Identifier: GPL-2.0-only */
/* A file in memory that nobody can execute, where the kernel promises that. */
#pragma once

/* `flags` as memfd_create() has them; MFD_CLOEXEC is always among them. -1 with errno. */
int memory_file(const char *name, unsigned int flags);
