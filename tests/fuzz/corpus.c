// SPDX-License-Identifier: GPL-2.0-only
/* Gives each file of a folder to a fuzz target, once: so that what a fuzzer found stays found, without libFuzzer. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NULL if it cannot be read. The caller frees. */
static uint8_t *read_file(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	long size;

	if (!file)
		return NULL;
	if (!fseek(file, 0, SEEK_END) && (size = ftell(file)) >= 0 && !fseek(file, 0, SEEK_SET)) {
		/* Of the exact size, so that a sanitizer sees one byte too many. */
		data = malloc(size ? size : 1);
		if (data && fread(data, 1, size, file) != (size_t)size) {
			free(data);
			data = NULL;
		}
		*ret_size = size;
	}
	fclose(file);
	return data;
}

int main(int argc, char **argv)
{
	struct dirent **names;
	int n;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	n = scandir(argv[1], &names, NULL, alphasort);
	if (n < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	fprintf(stderr, "%s:", argv[1]);
	for (int i = 0; i < n; i++) {
		char path[4096];
		uint8_t *data;
		size_t size;

		if (names[i]->d_name[0] == '.') {
			free(names[i]);
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
		free(names[i]);
		data = read_file(path, &size);
		if (!data) {
			fprintf(stderr, "%s: cannot read\n", path);
			return 1;
		}
		/* Named first: after a crash the last name is the culprit's. */
		fprintf(stderr, " %s", strrchr(path, '/') + 1);
		LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	fputc('\n', stderr);
	free(names);
	return 0;
}
