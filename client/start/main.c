/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * cgwarden: the short way of "run", which scripts call a hundred times, or the module with the verbs and all the libraries that they
 * need.
 */

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>

#include "client/start/quick.h"
#include "client/start/verbs.h"
#include "common/util.h"
#include "build-config.h"

/* Beside the program where that was built, else in its prefix. No run path: libc would be looked for there first, which takes its time. */
static void *open_module(void) {
        static const char *const places[] = {"", "../lib/cgwarden/"};
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
        char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;

        for (size_t i = 0; slash && i < ARRAY_SIZE(places); i++) {
                size_t room = sizeof(path) - (size_t)(slash + 1 - path);

                if ((size_t)snprintf(slash + 1, room, "%s%s", places[i], VERBS_MODULE) < room && access(path, R_OK) >= 0)
                        return dlopen(path, RTLD_NOW);
        }
        return dlopen(CGW_VENDOR_DIRECTORY "/" VERBS_MODULE, RTLD_NOW);
}

int main(int argc, char **argv) {
        const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
        VerbsMain run;
        void *module;

        name = name ? name + 1 : argc > 0 ? argv[0] : "";
        if (argc > 2 && streq(name, "cgwarden") && streq(argv[1], "run")) {
                int status = quick_run(argv + 1);

                if (status >= 0)
                        return status;
        }

        module = open_module();
        run = module ? (VerbsMain)dlsym(module, VERBS_MAIN) : NULL;
        if (!run) {
                fprintf(stderr, "cgwarden: %s\n", dlerror());
                return EXIT_FAILURE;
        }
        return run(argc, argv);
}
