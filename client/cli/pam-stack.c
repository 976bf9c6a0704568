/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client/cli/pam-stack.h"
#include "common/util.h"

#define INCLUDE_DEPTH_MAX 16 /* libpam's */

struct reader {
        const char *root;
        struct pam_stack *stack;
};

struct place {
        const char *file, *text;
        unsigned line, depth;
};

static void entry_free(struct pam_entry *e) {
        g_free(e->text);
        g_free(e->module);
        g_strfreev(e->arguments);
        g_free(e->file);
        g_free(e);
}

void pam_stack_free(struct pam_stack *stack) {
        if (!stack)
                return;

        g_ptr_array_unref(stack->entries);
        g_ptr_array_unref(stack->files);
        g_free(stack);
}

/* ---- Lines and words ---- */

/* The next line, joined with those that a backslash continues; NULL at the end. */
static char *next_line(char **lines, unsigned *at) {
        GString *line = g_string_new(NULL);
        bool goes_on = true;

        if (!lines[*at]) {
                g_string_free(line, TRUE);
                return NULL;
        }

        while (goes_on && lines[*at]) {
                char *part = lines[(*at)++];

                part[strcspn(part, "#")] = '\0';
                g_strchomp(part);
                goes_on = g_str_has_suffix(part, "\\");
                if (goes_on)
                        part[strlen(part) - 1] = ' ';
                g_string_append(line, part);
        }
        return g_string_free(line, FALSE);
}

/* A word, or what stands in brackets, in which "\]" is a bracket. */
static char *next_word(const char **s) {
        GString *word;
        bool bracket;

        *s += strspn(*s, " \t");
        if (!**s)
                return NULL;

        word = g_string_new(NULL);
        bracket = **s == '[';
        if (bracket)
                (*s)++;
        for (; **s && (bracket ? **s != ']' : !strchr(" \t", **s)); (*s)++) {
                if (bracket && (*s)[0] == '\\' && (*s)[1] == ']')
                        (*s)++;
                g_string_append_c(word, **s);
        }
        if (bracket && **s)
                (*s)++;
        return g_string_free(word, FALSE);
}

static char **split_words(const char *line) {
        GPtrArray *words = g_ptr_array_new();
        char *word;

        while ((word = next_word(&line)))
                g_ptr_array_add(words, word);
        g_ptr_array_add(words, NULL);
        return (char **)g_ptr_array_free(words, FALSE);
}

/* ---- Files ---- */

/* Where libpam looks, the administrator's before the distribution's. */
static const char *const folders[] = {"/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"};

/* A service's or an included file: its name without the root. */
static char *find_file(const char *root, const char *name) {
        for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
                g_autofree char *path = name[0] == '/' ? g_strdup(name) : g_strconcat(folders[i], "/", name, NULL);
                g_autofree char *real = g_strconcat(root, path, NULL);

                if (g_file_test(real, G_FILE_TEST_IS_REGULAR))
                        return g_steal_pointer(&path);
        }
        return NULL;
}

static bool has_folder(const char *root) {
        for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
                g_autofree char *real = g_strconcat(root, folders[i], NULL);

                if (g_file_test(real, G_FILE_TEST_IS_DIR))
                        return true;
        }
        return false;
}

static void read_file(struct reader *r, const char *file, const char *service, unsigned depth);

static void include(struct reader *r, const char *name, unsigned depth) {
        g_autofree char *file = name ? find_file(r->root, name) : NULL;

        if (file && depth < INCLUDE_DEPTH_MAX)
                read_file(r, file, NULL, depth + 1);
}

/* TYPE CONTROL MODULE [ARGUMENT...], or @include NAME. */
static void read_entry(struct reader *r, const struct place *at) {
        g_auto(GStrv) words = split_words(at->text);
        const char *type = words[0];

        if (!type || !words[1])
                return;
        if (g_ascii_strcasecmp(type, "@include") == 0) {
                include(r, words[1], at->depth);
                return;
        }

        if (g_ascii_strcasecmp(type[0] == '-' ? type + 1 : type, "session") != 0 || !words[2])
                return;
        if (g_ascii_strcasecmp(words[1], "include") == 0 || g_ascii_strcasecmp(words[1], "substack") == 0) {
                include(r, words[2], at->depth);
                return;
        }

        struct pam_entry *e = g_new(struct pam_entry, 1);
        *e = (struct pam_entry){g_strdup(at->text), g_strdup(words[2]), g_strdupv(words + 3), g_strdup(at->file),
                                at->line};
        g_ptr_array_add(r->stack->entries, e);
}

/* service: only its lines, each of which begins with the service's name, as in /etc/pam.conf. */
static void read_file(struct reader *r, const char *file, const char *service, unsigned depth) {
        g_autofree char *real = g_strconcat(r->root, file, NULL), *text = NULL;

        if (!g_file_get_contents(real, &text, NULL, NULL))
                return;

        g_ptr_array_add(r->stack->files, g_strdup(file));
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        for (unsigned at = 0, number = 1;; number = at + 1) {
                g_autofree char *line = next_line(lines, &at);

                if (!line)
                        return;

                const char *rest = g_strstrip(line);
                g_autofree char *owner = service ? next_word(&rest) : NULL;
                if (service && (!owner || g_ascii_strcasecmp(owner, service) != 0))
                        continue;

                rest += strspn(rest, " \t");
                read_entry(r, &(struct place){file, rest, number, depth});
        }
}

/* /etc/pam.conf counts only where there is no folder. */
static void read_service(struct reader *r, const char *service) {
        g_autofree char *file = find_file(r->root, service);

        if (has_folder(r->root)) {
                if (file)
                        read_file(r, file, NULL, 0);
        } else {
                read_file(r, "/etc/pam.conf", service, 0);
        }
}

struct pam_stack *pam_stack_read(const char *root, const char *service) {
        struct reader r = {root, g_new(struct pam_stack, 1)};

        r.stack->entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
        r.stack->files = g_ptr_array_new_with_free_func(g_free);
        read_service(&r, service);
        if (r.stack->files->len == 0 || (!has_folder(root) && r.stack->entries->len == 0)) {
                pam_stack_free(r.stack);
                return NULL;
        }

        if (r.stack->entries->len == 0)
                read_service(&r, "other");
        return r.stack;
}

int pam_stack_find(const struct pam_stack *stack, const char *module, guint from) {
        for (guint i = from; i < stack->entries->len; i++) {
                g_autofree char *name = g_path_get_basename(pam_stack_entry(stack, (int)i)->module);

                if (streq(name, module))
                        return (int)i;
        }
        return -1;
}
