/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whether each way to log in has the PAM line, and whether the line can do what it says.
 */

#include <glob.h>

#include "client/cli/doctor.h"
#include "client/cli/pam-stack.h"
#include "pam/options.h"

#define MODULE "pam_cgwarden.so"

static const char *const predecessors[] = {"pam_cgfs.so", "pam_cgm.so"};

static const struct {
        const char *name;
        enum state without; /* what it is when the line is not there */
} services[] = {
        {"login", STATE_MISSING},   {"sshd", STATE_MISSING},         {"su", STATE_MISSING},
        {"su-l", STATE_MISSING},    {"sudo", STATE_MISSING},         {"sudo-i", STATE_MISSING},
        {"runuser", STATE_MISSING}, {"runuser-l", STATE_MISSING},    {"lightdm", STATE_MISSING},
        {"sddm", STATE_MISSING},    {"gdm-password", STATE_MISSING}, {"gdm-autologin", STATE_MISSING},
        {"crond", STATE_WARNING},   {"cron", STATE_WARNING},         {"atd", STATE_WARNING},
};

/* ---- Modules ---- */

/* libpam has the folder of its modules compiled in: it is the one with libpam's own. Returns a module's file, or NULL.
 */
static char *find_module(const char *module) {
        static const char *const patterns[] = {"/usr/lib*/security/", "/usr/lib/*/security/", "/lib*/security/",
                                               "/lib/*/security/"};

        if (module[0] == '/')
                return g_file_test(module, G_FILE_TEST_IS_REGULAR) ? g_strdup(module) : NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(patterns); i++) {
                g_autofree char *pattern = g_strconcat(patterns[i], module, NULL);
                char *path = NULL;
                glob_t found;

                if (glob(pattern, 0, NULL, &found) != 0)
                        continue;
                for (size_t j = 0; j < found.gl_pathc && !path; j++) {
                        g_autofree char *folder = g_path_get_dirname(found.gl_pathv[j]);
                        g_autofree char *other = g_build_filename(folder, "pam_deny.so", NULL);

                        if (g_file_test(other, G_FILE_TEST_EXISTS))
                                path = g_strdup(found.gl_pathv[j]);
                }
                globfree(&found);
                if (path)
                        return path;
        }
        return NULL;
}

static char *install_module(const char *module) {
        g_autofree char *other = find_module("pam_deny.so"), *folder = other ? g_path_get_dirname(other) : NULL;

        if (module[0] == '/' || !folder)
                return g_strdup_printf("install -m 644 -D " MODULE " %s", module);
        return g_strdup_printf("install -m 644 " MODULE " %s/", folder);
}

static bool is_called(const char *path, const char *name) {
        g_autofree char *base = g_path_get_basename(path);

        return streq(base, name);
}

static bool is_predecessor(const char *module) {
        for (size_t i = 0; i < G_N_ELEMENTS(predecessors); i++)
                if (is_called(module, predecessors[i]))
                        return true;
        return false;
}

/* By its own name, or by a predecessor's where that is a link to it. */
static bool is_ours(const struct pam_entry *e) {
        g_autofree char *file = NULL;
        _cleanup_free_ char *real = NULL;

        if (is_called(e->module, MODULE))
                return true;
        if (!is_predecessor(e->module))
                return false;
        file = find_module(e->module);
        real = file ? realpath(file, NULL) : NULL;
        return real && is_called(real, MODULE);
}

static int find_ours(const struct pam_stack *stack, guint from) {
        for (guint i = from; i < stack->entries->len; i++)
                if (is_ours(pam_stack_entry(stack, (int)i)))
                        return (int)i;
        return -1;
}

/* ---- The words of a line ---- */

struct words {
        PamOptions options; /* its pointers go into the entry */
        char *problem;      /* the first */
};

static void note_problem(void *userdata, const char *word, const char *problem) {
        struct words *w = userdata;

        if (!w->problem)
                w->problem = g_strdup_printf("\"%s\" %s", word, problem);
}

static void words_parse(struct words *w, const struct pam_entry *e) {
        w->problem = NULL;
        (void)pam_options_parse(&w->options, (int)g_strv_length(e->arguments), (const char **)e->arguments,
                                note_problem, w);
}

static void words_clear(struct words *w) {
        g_free(w->problem);
}

static bool is_available(const struct doctor *d, const char *name) {
        return !d->controllers || streq(name, "all") || g_strv_contains((const char *const *)d->controllers, name);
}

/* The names of a list that are there, or that are not. */
static char *select_controllers(const struct doctor *d, const char *list, bool available) {
        g_auto(GStrv) names = g_strsplit(list, ",", -1);
        g_autoptr(GPtrArray) selected = g_ptr_array_new();

        for (char **name = names; *name; name++)
                if (is_available(d, *name) == available)
                        g_ptr_array_add(selected, *name);
        g_ptr_array_add(selected, NULL);
        return g_strjoinv(",", (char **)selected->pdata);
}

/* Nothing is left of a list of which nothing is there: then all there is. */
static char *available_list(const struct doctor *d, const char *list) {
        char *available = select_controllers(d, list, true);

        if (*available)
                return available;
        g_free(available);
        return g_strdup("all");
}

/* ---- Lines that mend ---- */

/* Where distributions have what all logins share. */
static bool is_shared(const char *name) {
        return g_str_has_prefix(name, "common-session") || streq(name, "base-session");
}

static bool is_service(const char *name) {
        for (size_t i = 0; i < G_N_ELEMENTS(services); i++)
                if (streq(services[i].name, name))
                        return true;
        return false;
}

/*
 * The file that the line belongs in: one that is shared, else another service's that this one includes, so that it
 * does not come twice, else the service's own. Other shared files, such as Fedora's system-auth, are made by programs.
 */
static const char *file_for(const struct pam_stack *stack) {
        const char *other = NULL;

        for (guint i = 0; i < stack->files->len; i++) {
                const char *file = g_ptr_array_index(stack->files, i);
                g_autofree char *name = g_path_get_basename(file);

                if (is_shared(name))
                        return file;
                if (i > 0 && is_service(name))
                        other = file;
        }
        return other ? other : g_ptr_array_index(stack->files, 0);
}

/* /etc/pam.conf has the services in one file. */
static char *line_in(const char *file, const char *service, const char *line) {
        return streq(file, "/etc/pam.conf") ? g_strdup_printf("%s %s", service, line) : g_strdup(line);
}

static char *append_command(const char *file, const char *service, const char *line) {
        g_autofree char *whole = line_in(file, service, line), *quoted = g_shell_quote(whole);

        return g_strdup_printf("echo %s >>%s", quoted, file);
}

/* For sed's "c" and "a", which take a backslash away. */
static char *sed_text(const char *line) {
        g_auto(GStrv) parts = g_strsplit(line, "\\", -1);

        return g_strjoinv("\\\\", parts);
}

static char *replace_command(const struct pam_entry *e, const char *service, const char *line) {
        g_autofree char *whole = line_in(e->file, service, line), *text = sed_text(whole),
                        *script = g_strdup_printf("%uc\\%s", e->line, text);
        g_autofree char *quoted = g_shell_quote(script);

        return g_strdup_printf("sed -i %s %s", quoted, e->file);
}

static char *delete_command(const struct pam_entry *e) {
        return g_strdup_printf("sed -i %ud %s", e->line, e->file);
}

/* Behind the other module: to the end of its own file where that will do, else to the end of the service's. */
static char *move_command(const struct pam_stack *stack, const struct pam_entry *e, const struct pam_entry *behind,
                          const char *service) {
        const char *own = g_ptr_array_index(stack->files, 0);

        if (streq(e->file, behind->file) || streq(e->file, own)) {
                g_autofree char *whole = line_in(e->file, service, e->text), *text = sed_text(whole);
                g_autofree char *script = g_strdup_printf("$a\\%s", text);
                g_autofree char *quoted = g_shell_quote(script);

                return g_strdup_printf("sed -i -e %ud -e %s %s", e->line, quoted, e->file);
        }

        g_autofree char *delete = delete_command(e), *append = append_command(own, service, e->text);
        return g_strdup_printf("%s && %s", delete, append);
}

/* ---- One service ---- */

/* The line with the names that are there. */
static char *line_with(const struct pam_entry *e, const char *list, const char *left) {
        const char *words = strstr(e->text, e->module), *found = words ? strstr(words + strlen(e->module), list) : NULL;

        return found ? g_strdup_printf("%.*s%s%s", (int)(found - e->text), e->text, left, found + strlen(list))
                     : g_strdup(e->text);
}

static void report_entry(struct doctor *d, struct finding *f, const struct pam_entry *e, const char *service) {
        _cleanup_(words_clear) struct words w = {};
        g_autofree char *file = find_module(e->module), *absent = NULL;

        words_parse(&w, e);
        if (w.options.controllers)
                absent = select_controllers(d, w.options.controllers, false);

        f->state = STATE_MISSING;
        if (!file) {
                f->reason = g_strdup_printf("%s:%u: there is no module %s", e->file, e->line, e->module);
                f->mend = install_module(e->module);
        } else if (w.problem) {
                f->reason = g_strdup_printf("%s:%u: %s", e->file, e->line, w.problem);
                f->mend = replace_command(e, service, d->pam_line);
        } else if (absent && *absent) {
                g_autofree char *left = available_list(d, w.options.controllers);
                g_autofree char *line = line_with(e, w.options.controllers, left);
                g_autofree char *there = g_strjoinv(", ", d->controllers);

                f->reason = g_strdup_printf("%s:%u: there is no %s; there are: %s", e->file, e->line, absent, there);
                f->mend = replace_command(e, service, line);
        } else {
                g_autofree char *arguments = g_strjoinv(" ", e->arguments);

                f->state = STATE_OK;
                f->reason = g_strdup_printf("%s:%u: %s", e->file, e->line, *arguments ? arguments : "all controllers");
        }
}

/* What comes behind the line and takes its process away, or does its work again. */
static void report_order(struct finding *f, const struct pam_stack *stack, int at, const char *service) {
        static const char *const movers[] = {"pam_systemd.so", "pam_elogind.so"};
        const struct pam_entry *e = pam_stack_entry(stack, at);
        int again = find_ours(stack, (guint)at + 1);

        if (again >= 0) {
                const struct pam_entry *second = pam_stack_entry(stack, again);

                f->state = STATE_WARNING;
                g_free(f->reason);
                f->reason = g_strdup_printf("%s:%u and %s:%u: it opens two sessions", e->file, e->line, second->file,
                                            second->line);
                f->mend = delete_command(second);
                return;
        }

        for (size_t i = 0; i < G_N_ELEMENTS(movers); i++) {
                int mover = pam_stack_find(stack, movers[i], (guint)at + 1);

                if (mover < 0)
                        continue;
                f->state = STATE_WARNING;
                g_free(f->reason);
                f->reason = g_strdup_printf("%s:%u: is before %s, which moves the login away again", e->file, e->line,
                                            movers[i]);
                f->mend = move_command(stack, e, pam_stack_entry(stack, mover), service);
                return;
        }
}

/* The programs whose work this is now. */
static void report_predecessor(struct doctor *d, GHashTable *reported, const struct pam_stack *stack,
                               const char *module) {
        g_autofree char *name = g_strndup(module + strlen("pam_"), strlen(module) - strlen("pam_.so"));
        g_autofree char *profile = g_strdup_printf("/usr/share/pam-configs/%s", name);
        int at = pam_stack_find(stack, module, 0);

        if (at < 0 || is_ours(pam_stack_entry(stack, at)))
                return;

        const struct pam_entry *e = pam_stack_entry(stack, at);
        char *object = g_strdup_printf("%s:%u", e->file, e->line);
        if (!g_hash_table_add(reported, g_strdup(object))) {
                g_free(object);
                return;
        }

        /* Debian writes its common-* files from profiles, and refuses to when a line of theirs was taken out. */
        bool managed = is_shared(strrchr(e->file, '/') + 1) && g_file_test(profile, G_FILE_TEST_EXISTS);
        doctor_add(d,
                   (struct finding){
                           .state = STATE_WARNING,
                           .object = object,
                           .reason = g_strdup_printf("%s moves the login to a cgroup, too", module),
                           .mend = managed ? g_strdup_printf("pam-auth-update --disable %s", name) : delete_command(e),
                   });
}

static void check_stack(struct doctor *d, GHashTable *reported, const struct pam_stack *stack, const char *service,
                        enum state without) {
        struct finding f = {.object = g_strdup_printf("PAM %s", service)};
        int at = find_ours(stack, 0);

        if (at < 0) {
                f.state = without;
                f.reason = g_strdup_printf("its session stack has no %s: who logs in by it gets no cgroup", MODULE);
                f.mend = append_command(file_for(stack), service, d->pam_line);
        } else {
                report_entry(d, &f, pam_stack_entry(stack, at), service);
                if (f.state == STATE_OK)
                        report_order(&f, stack, at, service);
        }
        doctor_add(d, f);

        for (size_t i = 0; at >= 0 && i < G_N_ELEMENTS(predecessors); i++)
                report_predecessor(d, reported, stack, predecessors[i]);
}

/* ---- All of them ---- */

/* The line that is in use is the one for those who have none; and what it names is what is needed. */
static void learn_from(struct doctor *d, const struct pam_stack *stack) {
        _cleanup_(words_clear) struct words w = {};
        int at = find_ours(stack, 0);

        if (at < 0)
                return;

        const struct pam_entry *e = pam_stack_entry(stack, at);
        g_autofree char *file = find_module(e->module);
        words_parse(&w, e);
        if (!file || w.problem)
                return;

        const char *list = w.options.controllers ? w.options.controllers : "all";
        g_autofree char *absent = select_controllers(d, list, false);
        g_auto(GStrv) names = g_strsplit(list, ",", -1);
        for (char **name = names; *name; name++)
                if (!g_ptr_array_find_with_equal_func(d->pam_controllers, *name, g_str_equal, NULL))
                        g_ptr_array_add(d->pam_controllers, g_strdup(*name));
        if (!d->pam_line && !*absent)
                d->pam_line = g_strdup(e->text);
}

static void use_defaults(struct doctor *d) {
        g_autofree char *list = available_list(d, "freezer,memory,name=systemd");
        g_auto(GStrv) names = g_strsplit(list, ",", -1);

        if (!d->pam_line)
                d->pam_line = g_strdup_printf("session optional " MODULE " -c %s", list);
        if (d->pam_controllers->len > 0)
                return;
        for (char **name = names; *name; name++)
                g_ptr_array_add(d->pam_controllers, g_strdup(*name));
}

void check_pam(struct doctor *d) {
        g_autoptr(GHashTable) reported = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        struct pam_stack *stacks[G_N_ELEMENTS(services)];
        size_t found = 0;

        for (size_t i = 0; i < G_N_ELEMENTS(services); i++) {
                stacks[i] = pam_stack_read("", services[i].name);
                if (stacks[i])
                        learn_from(d, stacks[i]);
        }

        use_defaults(d);
        for (size_t i = 0; i < G_N_ELEMENTS(services); i++) {
                if (!stacks[i])
                        continue;
                check_stack(d, reported, stacks[i], services[i].name, services[i].without);
                pam_stack_free(stacks[i]);
                found++;
        }

        if (found == 0)
                doctor_add(d, (struct finding){
                                      .state = STATE_MISSING,
                                      .object = g_strdup("PAM"),
                                      .reason = g_strdup("no program here asks PAM when somebody logs in"),
                                      .mend = g_strdup("install a login program that uses PAM"),
                              });
}
