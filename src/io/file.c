// SPDX-License-Identifier: GPL-2.0-only
#include "file.h"

#include <errno.h>
#include <string.h>

#include "src/cli/error.h"
#include "src/cli/options.h"

int output_open(const char *path, FILE **ret_file)
{
	FILE *file = path && strcmp(path, "-") ? fopen(path, "ae") : stdout;

	if (!file)
		return fail(EXIT_OUTPUT, "cannot write %s: %s", path, strerror(errno));
	setvbuf(file, NULL, _IOFBF, 1 << 18);
	*ret_file = file;
	return EXIT_OK;
}

int output_close(FILE *file, const char *path)
{
	int err = 0;

	if (fflush(file) || ferror(file))
		err = errno;
	if (file != stdout)
		fclose(file);
	if (!err || err == EPIPE)
		return EXIT_OK;
	return fail(EXIT_OUTPUT, "cannot write %s: %s", path ? path : "to standard output", strerror(err));
}
