/* SPDX-License-Identifier: GPL-2.0-only */
/* Text in XML: whatever bytes a name has, it stays text and the document stays well-formed. */
#pragma once

#include <stddef.h>

struct buf;

/* The four characters that mean something in text or an attribute are escaped; what XML does not allow becomes U+FFFD. */
void xml_put(struct buf *b, const char *text, size_t len);
