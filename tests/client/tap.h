/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Test Anything Protocol: one line for each check, the plan at the end. */

#include <stdio.h>
#include <stdlib.h>

static int tap_count, tap_failed;

#define ok(condition, ...)                                                       \
        do {                                                                     \
                bool tap_ok = (condition);                                       \
                tap_count++;                                                     \
                tap_failed += !tap_ok;                                           \
                printf("%sok %d - ", tap_ok ? "" : "not ", tap_count);           \
                printf(__VA_ARGS__);                                             \
                putchar('\n');                                                   \
                if (!tap_ok)                                                     \
                        printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition); \
                fflush(stdout);                                                  \
        } while (false)

#define is_number(expected, actual, ...)                                                 \
        do {                                                                             \
                long long tap_expected = (expected), tap_actual = (actual);              \
                ok(tap_expected == tap_actual, __VA_ARGS__);                             \
                if (tap_expected != tap_actual)                                          \
                        printf("# expected %lld, got %lld\n", tap_expected, tap_actual); \
        } while (false)

static inline int tap_done(void) {
        printf("1..%d\n", tap_count);
        return tap_failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
