/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* How long a piece of work may take: a time of CLOCK_MONOTONIC in microseconds. */

#define DEADLINE_NONE UINT64_MAX

static inline uint64_t deadline_in(uint64_t usec) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000 + usec;
}

static inline bool deadline_is_over(uint64_t deadline) {
        return deadline != DEADLINE_NONE && deadline_in(0) >= deadline;
}
