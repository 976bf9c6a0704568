/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * hammer SECONDS [PATIENCE]: creates, reads and removes a cgroup without end, while somebody else kills the daemon. The only
 * failure that may be seen is an answer that was lost: of Remove, or of a call that the library has asked twice. PATIENCE is for
 * how many seconds it tries to connect again (default: 2). Prints what happened; the status says whether that was all.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "client/cgwarden.h"

struct tally {
        unsigned rounds, lost, failed;
        double longest;
};

static double now(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Whether an answer came. The library asks once more, but for Remove; the daemon may be killed that often and more. */
static bool answered(struct tally *t, cgw_t *c, const char *what, int r) {
        if (r == -ECONNRESET) {
                t->lost++;
                return false;
        }
        if (r < 0) {
                t->failed++;
                printf("%s: %d: %s\n", what, r, cgw_error_message(c));
        }
        return true;
}

static void go_round(struct tally *t, cgw_t *c, const char *path) {
        char **children = NULL;
        double start = now();

        while (!answered(t, c, "create", cgw_create(c, "freezer", path)))
                ;
        while (!answered(t, c, "list", cgw_list_children(c, "freezer", path, &children)))
                ;
        cgw_strv_free(children);
        (void)answered(t, c, "remove", cgw_remove(c, "freezer", path, true));

        double took = now() - start;
        if (took > t->longest)
                t->longest = took;
        t->rounds++;
}

int main(int argc, char **argv) {
        struct tally t = {0};
        char path[32];
        cgw_t *c = NULL;

        double end = now() + (argc > 1 ? atof(argv[1]) : 1), patience = argc > 2 ? atof(argv[2]) : 2;
        if (cgw_new(&c) < 0 || cgw_set_reconnect_timeout(c, (uint64_t)(patience * 1e6)) < 0)
                return EXIT_FAILURE;

        snprintf(path, sizeof(path), "/hammer%d", (int)getpid());
        while (now() < end)
                go_round(&t, c, path);

        /* What a lost Remove may have left; the answer of this one may be lost as well. */
        while (!answered(&t, c, "remove", cgw_remove(c, "freezer", path, true)))
                ;
        cgw_free(c);
        printf("%u rounds, %u answers lost, %u failures, the longest took %.3f s\n", t.rounds, t.lost,
               t.failed, t.longest);
        return t.failed > 0 || t.rounds == 0 || t.longest > patience + 0.5 ? EXIT_FAILURE : EXIT_SUCCESS;
}
