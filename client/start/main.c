/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * cgwarden: the short way of "run", which scripts call a hundred times, or the program with the verbs and all the libraries that they
 * need.
 */

#include <limits.h>
#include <stdio.h>

#include "client/start/quick.h"
#include "common/util.h"
#include "build-config.h"

#define VERBS "cgwarden-verbs"

/* Beside this program where that was built, else in its prefix. Returns only when it is not there. */
static void start_verbs(char **argv) {
        static const char *const places[] = {"", "../lib/cgwarden/"};
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
        char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;

        for (size_t i = 0; slash && i < ARRAY_SIZE(places); i++) {
                size_t room = sizeof(path) - (size_t)(slash + 1 - path);

                if ((size_t)snprintf(slash + 1, room, "%s%s", places[i], VERBS) < room)
                        (void)execv(path, argv);
        }
        (void)execv(CGW_VENDOR_DIRECTORY "/" VERBS, argv);
}

int main(int argc, char **argv) {
        const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

        name = name ? name + 1 : argc > 0 ? argv[0] : "";
        if (argc > 2 && streq(name, "cgwarden") && streq(argv[1], "run")) {
                int status = quick_run(argv + 1);

                if (status >= 0)
                        return status;
        }

        start_verbs(argv);
        fprintf(stderr, "cgwarden: " CGW_VENDOR_DIRECTORY "/" VERBS ": %s\n", strerror(errno));
        return EXIT_FAILURE;
}
