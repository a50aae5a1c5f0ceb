/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A Unix stream socket with a name, on which others ask us. The name of a run that was killed is taken over, that of one that
 * lives is not, whoever else takes it at the same time. It goes with the run, also where the run may not write any more.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define UNIX_LISTEN_PATH_MAX 107 /* bytes that the kernel takes of whoever connects */
#define UNIX_LISTEN_NAME_MAX 80  /* of these, of the last component */

struct unix_listen;

bool unix_listen_fits(const char *path); /* it is no longer than that */

/*
 * Mode 0660; `group`: GROUP_NONE, as the system gives it. 0; -EADDRINUSE: somebody listens there; -EEXIST: something else has
 * the name; -ENAMETOOLONG; -EAGAIN: another program locks the folder; another -errno, or -output_refusal.
 */
int unix_listen_open(struct unix_listen **out, const char *path, gid_t group);
void unix_listen_close(struct unix_listen *listen); /* NULL is fine */

int unix_listen_fd(const struct unix_listen *listen); /* it does not block */
