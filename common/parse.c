/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "common/parse.h"

#include "common/util.h"

int parse_u64(const char *s, uint64_t *ret) {
        uint64_t v = 0;

        if (!*s)
                return -EINVAL;

        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, (uint64_t) (*s - '0'), &v))
                        return -ERANGE;
        }

        *ret = v;
        return 0;
}

int parse_u32(const char *s, uint32_t *ret) {
        uint64_t v;
        int r = parse_u64(s, &v);

        if (r < 0)
                return r;
        if (v > UINT32_MAX)
                return -ERANGE;

        *ret = (uint32_t) v;
        return 0;
}

int parse_u32_next(const char **s, uint32_t *ret) {
        const char *p = *s;
        uint64_t v = 0;

        if (*p < '0' || *p > '9')
                return -EINVAL;

        for (; *p >= '0' && *p <= '9'; p++) {
                v = v * 10 + (uint64_t) (*p - '0');
                if (v > UINT32_MAX)
                        return -ERANGE;
        }

        *s = p;
        *ret = (uint32_t) v;
        return 0;
}

bool parse_word(const char **s, const char *separators, const char **ret_word, size_t *ret_length) {
        const char *word = *s;
        size_t length;

        if (!word)
                return false;

        length = strcspn(word, separators);
        *s = word[length] ? word + length + 1 : NULL;
        *ret_word = word;
        *ret_length = length;
        return true;
}
