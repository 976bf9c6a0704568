/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * hammer SECONDS [PATIENCE]: creates, reads and removes a cgroup without end, while somebody else kills the daemon. The only
 * failure that may be seen is a Remove whose answer was lost. PATIENCE is for how many seconds it tries to connect again
 * (default: 2). Prints what happened; the status says whether that was all.
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

static void expect(struct tally *t, cgw_t *c, const char *what, int r) {
        if (r >= 0)
                return;

        t->failed++;
        printf("%s: %d: %s\n", what, r, cgw_error_message(c));
}

/* Says whether an answer came. */
static bool remove_answered(struct tally *t, cgw_t *c, const char *path) {
        int r = cgw_remove(c, "freezer", path, true);

        if (r == -ECONNRESET) {
                t->lost++;
                return false;
        }

        expect(t, c, "remove", r);
        return true;
}

static void go_round(struct tally *t, cgw_t *c, const char *path) {
        char **children = NULL;
        double start = now();

        expect(t, c, "create", cgw_create(c, "freezer", path));
        expect(t, c, "list", cgw_list_children(c, "freezer", path, &children));
        cgw_strv_free(children);

        (void)remove_answered(t, c, path);

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
        while (!remove_answered(&t, c, path))
                ;
        cgw_free(c);
        printf("%u rounds, %u answers of Remove lost, %u failures, the longest took %.3f s\n", t.rounds, t.lost,
               t.failed, t.longest);
        return t.failed > 0 || t.rounds == 0 || t.longest > patience + 0.5 ? EXIT_FAILURE : EXIT_SUCCESS;
}
