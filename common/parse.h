/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only: no sign, no blanks, no overflow. -EINVAL, -ERANGE. */
int parse_u32(const char *s, uint32_t *ret);
int parse_u64(const char *s, uint64_t *ret);

/* As parse_u32() at the start of *s, which is moved behind the digits. For tables such as uid_map. */
int parse_u32_next(const char **s, uint32_t *ret);

/* The next word of *s, which is cut at any of separators, as a pointer and a length; false at the end. Empty words are
 * returned too: what they mean is the caller's business. *s is NULL behind the last one. */
bool parse_word(const char **s, const char *separators, const char **ret_word, size_t *ret_length);
