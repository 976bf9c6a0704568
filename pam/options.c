/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <ctype.h>
#include <stdio.h>
#include <sys/un.h>

#include "common/parse.h"
#include "common/util.h"
#include "dbus/names.h"
#include "pam/options.h"

#define TIMEOUT_DEFAULT_SEC 2u

typedef struct Parser {
        PamOptions *o;
        int argc;
        const char **argv;
        int at;        /* the next word */
        unsigned seen; /* a bit for each row of the table */
        bool bad;
        PamOptionReport report;
        void *userdata;
} Parser;

static void complain(Parser *p, const char *word, const char *problem) {
        p->bad = true;
        if (p->report)
                p->report(p->userdata, word, problem);
}

/* --- one function for each option: word is what stands in the file, value is its value --- */

typedef void (*OptionSet)(Parser *p, const char *word, const char *value);

static bool list_has(const char *list, const char *name) {
        const char *item;
        size_t n;

        while (parse_word(&list, ",", &item, &n))
                if (n == strlen(name) && strncmp(item, name, n) == 0)
                        return true;
        return false;
}

static bool list_has_gap(const char *list) {
        size_t n = strlen(list);

        return n == 0 || list[0] == ',' || list[n - 1] == ',' || strstr(list, ",,");
}

/* PAM cuts a line at its blanks, so that "-c freezer, memory" comes as "freezer," and "memory": the second word
 * belongs to the same mistake and gets no line of its own. */
static void complain_about_cut_list(Parser *p, const char *list) {
        char problem[256] = "is a list of controllers with an empty name in it";
        size_t n = strlen(list);

        if (n > 0 && list[n - 1] == ',' && p->at < p->argc && p->argv[p->at][0] != '-')
                snprintf(problem, sizeof(problem),
                         "is a list that a blank cuts off before \"%.100s\": write it without blanks",
                         p->argv[p->at++]);
        complain(p, list, problem);
}

static void set_controllers(Parser *p, const char *word, const char *value) {
        if (list_has_gap(value))
                complain_about_cut_list(p, value);
        else if (strpbrk(value, " \t"))
                complain(p, value, "is a list with a blank in it: write it without blanks");
        else if (list_has(value, "all") && !streq(value, "all"))
                complain(p, value, "has other names beside \"all\", which stands alone");
        else
                p->o->controllers = value;
}

static void set_pattern(Parser *p, const char *word, const char *value) {
        p->o->pattern = value;
}

static void set_no_index_suffix(Parser *p, const char *word, const char *value) {
        p->o->no_index_suffix = true;
}

static void set_prune_depth(Parser *p, const char *word, const char *value) {
        if (parse_u32(value, &p->o->prune_depth) < 0)
                complain(p, word, "needs a whole number, 0 or more");
        else
                p->o->has_prune_depth = true;
}

static void set_max_index(Parser *p, const char *word, const char *value) {
        if (parse_u32(value, &p->o->max_index) < 0 || p->o->max_index == 0)
                complain(p, word, "needs a whole number, 1 or more");
        else
                p->o->has_max_index = true;
}

/* CONTROLLER,KEY,VALUE; further commas are the value's. */
static void set_value(Parser *p, const char *word, const char *value) {
        const char *key = strchr(value, ',');
        const char *text = key ? strchr(key + 1, ',') : NULL;

        if (!text || key == value || text == key + 1) {
                complain(p, value, "is no CONTROLLER,KEY,VALUE");
                return;
        }
        if (p->o->n_values == ARRAY_SIZE(p->o->values)) {
                complain(p, value, "is one --set-value too many: there is room for 64");
                return;
        }
        p->o->values[p->o->n_values++] = (PamValue){
                .controller = value,
                .controller_size = (size_t)(key - value),
                .key = key + 1,
                .key_size = (size_t)(text - key - 1),
                .value = text + 1,
        };
}

static void set_socket(Parser *p, const char *word, const char *value) {
        if (value[0] != '/' || strlen(value) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
                complain(p, word, "needs an absolute path of at most 107 bytes");
        else
                p->o->socket = value;
}

static void set_timeout(Parser *p, const char *word, const char *value) {
        uint32_t seconds;

        if (parse_u32(value, &seconds) < 0 || seconds == 0 || seconds > PAM_TIMEOUT_MAX_SEC)
                complain(p, word, "needs a whole number of seconds, 1 to 60");
        else
                p->o->timeout_usec = seconds * UINT64_C(1000000);
}

static void set_debug(Parser *p, const char *word, const char *value) {
        p->o->debug = true;
}

/* --- finding the option that a word is --- */

typedef struct Option {
        const char *name; /* with its dashes; our own are words of PAM's kind: "debug", "timeout=2" */
        const char *short_name;
        OptionSet set;
        const char *value; /* what it is called in a complaint; NULL: takes none */
        bool repeatable;
} Option;

static const Option options[] = {
        {"--controllers", "-c", set_controllers, "a list of controllers", false},
        {"--pattern", "-p", set_pattern, "a path pattern", false},
        {"--pattern-no-idx-suffix", NULL, set_no_index_suffix, NULL, true},
        {"--prune-depth", NULL, set_prune_depth, "a number", false},
        {"--max-idx", "-m", set_max_index, "a number", false},
        {"--set-value", "-s", set_value, "CONTROLLER,KEY,VALUE", true},
        {"socket", NULL, set_socket, "a path", false},
        {"timeout", NULL, set_timeout, "a number of seconds", false},
        {"debug", NULL, set_debug, NULL, true},
};

/* What stands behind an option's name: *ret_value is NULL for "--opt" and "-c", the value for "--opt=value", "-cLIST"
 * and "-c=LIST". */
static bool option_matches(const Option *o, const char *word, const char **ret_value) {
        const char *rest = startswith(word, o->name);

        if (rest && (*rest == '\0' || *rest == '=')) {
                *ret_value = *rest == '=' ? rest + 1 : NULL;
                return true;
        }
        rest = o->short_name ? startswith(word, o->short_name) : NULL;
        if (!rest)
                return false;
        *ret_value = *rest == '\0' ? NULL : *rest == '=' ? rest + 1 : rest;
        return true;
}

/* The next word as a value, unless it is an option: a forgotten value must not swallow what follows. "-1" is no
 * option, and gets a better complaint as a bad number. */
static const char *next_value(Parser *p) {
        const char *word = p->at < p->argc ? p->argv[p->at] : NULL;

        if (!word || (word[0] == '-' && !isdigit((unsigned char)word[1])))
                return NULL;
        p->at++;
        return word;
}

static void parse_option(Parser *p, const Option *o, const char *word, const char *value) {
        char problem[128];
        unsigned bit = 1u << (o - options);

        if (o->value && !value && o->name[0] == '-')
                value = next_value(p);
        if (!o->value && value)
                complain(p, word, "takes no value");
        else if (o->value && !value) {
                snprintf(problem, sizeof(problem), "needs %s behind it", o->value);
                complain(p, word, problem);
        } else if ((p->seen & bit) && !o->repeatable)
                complain(p, word, "is given twice");
        else
                o->set(p, word, value);
        p->seen |= bit;
}

int pam_options_parse(PamOptions *o, int argc, const char **argv, PamOptionReport report, void *userdata) {
        Parser p = {.o = o, .argc = argc, .argv = argv, .report = report, .userdata = userdata};

        *o = (PamOptions){.socket = CGW_SOCKET_PATH, .timeout_usec = TIMEOUT_DEFAULT_SEC * UINT64_C(1000000)};
        while (p.at < argc) {
                const char *word = argv[p.at++], *value;
                size_t i = 0;

                while (i < ARRAY_SIZE(options) && !option_matches(&options[i], word, &value))
                        i++;
                if (i < ARRAY_SIZE(options))
                        parse_option(&p, &options[i], word, value);
                else if (word[0] == '-')
                        complain(&p, word, "is no option of pam_cgwarden");
                else
                        complain(&p, word, "belongs to no option: a list of controllers has no blanks in it");
        }
        return p.bad ? -EINVAL : 0;
}

bool pam_pattern_has_group_name(const char *pattern) {
        for (const char *s = pattern; *s; s++) {
                if (s[0] == '%' && s[1] == 'g')
                        return true;
                if ((s[0] == '\\' || s[0] == '%') && s[1])
                        s++;
        }
        return false;
}
