// SPDX-License-Identifier: GPL-2.0-only
#include "file_settings.h"

#include <stdarg.h>
#include <stdio.h>

void file_say(const struct file_settings *settings, const char *format, ...)
{
	char sentence[512];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	if (settings->say)
		settings->say(settings->say_ctx, sentence);
}
