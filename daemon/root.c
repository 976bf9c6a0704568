/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/root.h"

#include <fcntl.h>
#include <unistd.h>

#include "cgroup/tree.h"
#include "common/path.h"

int root_new(const Layout *l, const CgroupPaths *paths, Root **ret) {
        _cleanup_(root_unrefp) Root *root = calloc(1, sizeof(*root));

        if (!root)
                return -ENOMEM;

        root->n_ref = 1;
        root->layout = l;
        for (size_t i = 0; i < HIERARCHIES_MAX; i++)
                root->fds[i] = -EBADF;

        for (size_t i = 0; i < l->n; i++) {
                if (!paths->paths[i])
                        continue;
                root->paths[i] = strdup(paths->paths[i]);
                if (!root->paths[i])
                        return -ENOMEM;
                root->fds[i] = tree_open(l->hierarchies[i].fd, root->paths[i], 0);
        }

        *ret = TAKE_PTR(root);
        return 0;
}

int root_new_host(const Layout *l, Root **ret) {
        CgroupPaths paths = {};
        char empty[] = "";

        for (size_t i = 0; i < l->n; i++)
                paths.paths[i] = empty;
        return root_new(l, &paths, ret);
}

int root_new_below(const Root *root, uint32_t hierarchies, const CgroupPaths *paths, Root **ret) {
        _cleanup_(cgroup_paths_done) CgroupPaths full = {};

        for (size_t i = 0; i < root->layout->n; i++) {
                if (!root->paths[i] || !(hierarchies & (1U << i)))
                        continue;
                full.paths[i] = cg_path_join(root->paths[i], paths->paths[i] ? paths->paths[i] : "");
                if (!full.paths[i])
                        return -ENOMEM;
        }
        return root_new(root->layout, &full, ret);
}

bool root_is_alive(const Root *root) {
        for (size_t i = 0; i < root->layout->n; i++)
                if (root->fds[i] >= 0 && faccessat(root->fds[i], "cgroup.procs", F_OK, 0) < 0)
                        return false;
        return true;
}

Root *root_ref(Root *root) {
        root->n_ref++;
        return root;
}

Root *root_unref(Root *root) {
        if (!root || --root->n_ref > 0)
                return NULL;

        for (size_t i = 0; i < HIERARCHIES_MAX; i++) {
                safe_close(root->fds[i]);
                free(root->paths[i]);
        }
        free(root);
        return NULL;
}
