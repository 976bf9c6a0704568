/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The short way of "cgwarden run": on v2, from a cgroup of the caller's own, with a daemon that answers. It needs no library but libc, as
 * loading those of the verbs takes longer than all that is done here.
 *
 * It says nothing: whatever is not as it expects it leaves to the verb, which starts again from the beginning. So there is one place
 * for each error, and each rule of the daemon's stays the daemon's.
 */

#include "client/start/quick.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "client/start/vfork.h"
#include "client/start/wait.h"
#include "common/util.h"
#include "dbus/names.h"
#include "dbus/wire.h"

#define TIMEOUT_USEC (2 * 1000 * 1000)
/* As long as the library waits: what the daemon makes after we have gone, nobody removes. */
#define DELEGATE_USEC (10 * 1000 * 1000)
#define REMOVE_TRIES 25 /* a daemon that is started again takes its time */
#define REMOVE_PAUSE_USEC (100 * 1000)
#define CGROUPS "/sys/fs/cgroup"

typedef struct Quick {
        char controllers[512];
        const char *values[32]; /* KEY=VALUE */
        size_t n_values;
        const char *name;
        char **command;

        int socket;
        bool reached; /* a daemon, once */
        char path[4096];
        WireCall call;
        WireReply reply;
} Quick;

/* ---- the command line */

static bool add_controller(Quick *q, const char *name, size_t length) {
        size_t at = strlen(q->controllers);

        for (const char *word = q->controllers; *word;) {
                size_t n = strcspn(word, ",");

                if (n == length && memcmp(word, name, n) == 0)
                        return true;
                word += n + (word[n] == ',');
        }
        if (at + length + 2 > sizeof(q->controllers))
                return false;
        (void)snprintf(q->controllers + at, sizeof(q->controllers) - at, "%s%.*s", at ? "," : "", (int)length, name);
        return true;
}

static bool set_controllers(Quick *q, const char *list) {
        return *list && !*q->controllers && !streq(list, "all") && add_controller(q, list, strlen(list));
}

static bool add_value(Quick *q, const char *value) {
        if (q->n_values == ARRAY_SIZE(q->values) || !strchr(value, '='))
                return false;
        q->values[q->n_values++] = value;
        return true;
}

static bool set_name(Quick *q, const char *name) {
        if (q->name || !*name || strchr(name, '/'))
                return false;
        q->name = name;
        return true;
}

static const struct {
        const char *name, *letter;
        bool (*take)(Quick *q, const char *value);
} options[] = {
        {"--controllers", "-c", set_controllers},
        {"--set", "-s", add_value},
        {"--name", "-n", set_name},
};

/* Takes an option and its value. Returns how many arguments those are, 0 when it does not know them. */
static int take_option(Quick *q, char **argv) {
        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
                const char *behind = startswith(argv[0], options[i].name);

                if (behind && *behind == '=')
                        return options[i].take(q, behind + 1) ? 1 : 0;
                if ((behind && !*behind) || streq(argv[0], options[i].letter))
                        return argv[1] && options[i].take(q, argv[1]) ? 2 : 0;
        }
        return 0;
}

static bool parse(Quick *q, char **argv) {
        while (*argv && **argv == '-' && !streq(*argv, "--")) {
                int n = take_option(q, argv);

                if (n == 0)
                        return false;
                argv += n;
        }
        if (*argv && streq(*argv, "--"))
                argv++;
        q->command = argv;
        if (!*q->controllers)
                (void)add_controller(q, "unified", strlen("unified"));
        /* On v2, naming the controller of a value is what enables it. */
        for (size_t i = 0; i < q->n_values; i++) {
                size_t length = strcspn(q->values[i], ".");

                if (!startswith(q->values[i], "cgroup.") && !add_controller(q, q->values[i], length))
                        return false;
        }
        return *argv != NULL;
}

/* ---- the daemon */

static void begin(Quick *q, const char *member, const char *signature) {
        wire_call_init(&q->call, CGW_OBJECT_PATH, CGW_MANAGER_INTERFACE, member, signature, -1);
}

/* Returns 1 for the answer that was hoped for, 0 for an error that the daemon has answered, or what went wrong. */
static int ask(Quick *q, uint64_t timeout_usec) {
        uint64_t deadline = wire_now_usec() + timeout_usec;
        const char *path = secure_getenv("CGWARDEN_SOCKET");
        int r = wire_call_finish(&q->call);

        path = path && *path ? path : CGW_SOCKET_PATH;
        if (*path != '/')
                return -EINVAL; /* "system", or an address of D-Bus */
        if (r >= 0 && q->socket >= 0) {
                r = wire_call_again(q->socket, deadline, &q->call, &q->reply);
        } else if (r >= 0) {
                r = wire_connect(path, deadline, &q->socket);
                q->reached = q->reached || r >= 0;
                if (r >= 0)
                        r = wire_authenticate_and_call(q->socket, deadline, &q->call, &q->reply);
        }
        /* An answer that comes too late is not to be taken for the next one. */
        if (r < 0)
                q->socket = safe_close(q->socket);
        return r < 0 ? r : q->reply.message.type == WIRE_TYPE_RETURN;
}

/* On v2 only, as elsewhere a run may be in several hierarchies. */
static void put_layout(Quick *q) {
        wire_put_option_string(&q->call, "Layout", "v2");
}

/* The path of the run below the cgroup of the caller's own. */
static bool set_path(Quick *q, const char *own) {
        uint32_t number;
        int n;

        if (q->name)
                n = snprintf(q->path, sizeof(q->path), "%s/%s", own, q->name);
        else if (getrandom(&number, sizeof(number), 0) == sizeof(number))
                n = snprintf(q->path, sizeof(q->path), "%s/run-%d-%06x", own, (int)getpid(), number & 0xffffff);
        else
                return false;
        return n > 0 && (size_t)n < sizeof(q->path);
}

/* Who is in the leaf of a session, or of a scope that he has entered, is where Enter would leave him. If it is not that, the daemon
 * refuses what is to be made there. To root it may be another's, which only Enter looks at. */
static bool guess_place(Quick *q) {
        char text[sizeof(q->path) * 2], *line, *end;
        _cleanup_close_ int fd = geteuid() == 0 ? -EBADF : open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

        if (n <= 0)
                return false;
        text[n] = '\0';
        line = startswith(text, "0::") ? text : strstr(text, "\n0::");
        line = line ? strchr(line, '/') : NULL;
        end = line ? strchr(line, '\n') : NULL;
        if (!end)
                return false;
        *end = '\0';
        end = strrchr(line, '/');
        if (!streq(end + 1, CGW_LEAF_NAME))
                return false;
        *end = '\0';
        return set_path(q, line);
}

static bool enter(Quick *q) {
        WireArray entries;
        const char *own;

        begin(q, "Enter", "sa{sv}");
        wire_put_string(&q->call, q->controllers);
        entries = wire_open_array(&q->call, 8);
        put_layout(q);
        wire_close_array(&q->call, entries);
        if (ask(q, TIMEOUT_USEC) <= 0 || wire_message_strings(&q->reply.message, &own, 1) < 0 || *own != '/')
                return false;
        return set_path(q, streq(own, "/") ? "" : own);
}

static void put_values(Quick *q) {
        WireArray values;

        wire_put_struct(&q->call);
        wire_put_string(&q->call, "Values");
        wire_put_signature(&q->call, "a(ss)");
        values = wire_open_array(&q->call, 8);
        for (size_t i = 0; i < q->n_values; i++) {
                const char *equals = strchr(q->values[i], '=');

                wire_put_struct(&q->call);
                wire_put_string_n(&q->call, q->values[i], (size_t)(equals - q->values[i]));
                wire_put_string(&q->call, equals + 1);
        }
        wire_close_array(&q->call, values);
}

static int delegate(Quick *q) {
        WireArray entries;

        begin(q, "Delegate", "ssa{sv}");
        wire_put_string(&q->call, q->controllers);
        wire_put_string(&q->call, q->path);
        entries = wire_open_array(&q->call, 8);
        put_layout(q);
        wire_put_option_string(&q->call, "Lifetime", "empty");
        if (q->n_values > 0)
                put_values(q);
        wire_close_array(&q->call, entries);
        return ask(q, DELEGATE_USEC);
}

/* Not left to one answer. */
static void remove_surely(Quick *q) {
        for (unsigned i = 0; i < REMOVE_TRIES; i++) {
                begin(q, "Remove", "ssb");
                wire_put_string(&q->call, q->controllers);
                wire_put_string(&q->call, q->path);
                wire_put_u32(&q->call, true);
                if (ask(q, TIMEOUT_USEC) >= 0)
                        return;
                (void)usleep(REMOVE_PAUSE_USEC);
        }
}

/* ---- the command */

/* The run's directory, where the caller sees the hierarchy as the daemon does. */
static int open_directory(const Quick *q) {
        char path[sizeof(q->path) + sizeof(CGROUPS)];
        struct statfs fs;
        int fd;

        (void)snprintf(path, sizeof(path), CGROUPS "%s", q->path);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC))
                return safe_close(fd);
        return fd;
}

typedef struct Start {
        char **command;
        const sigset_t *mask;
        bool *failed; /* in memory that is shared with the child */
} Start;

static void execute(void *userdata) {
        const Start *start = userdata;

        (void)sigprocmask(SIG_SETMASK, start->mask, NULL);
        (void)execvp(*start->command, start->command);
        *start->failed = true;
        _exit(127);
}

/* Born in its cgroup. Returns its pid, or -1 when it was not executed. */
static pid_t spawn(const Quick *q, const sigset_t *mask) {
        static uint8_t stack[64 * 1024] __attribute__((aligned(16)));
        static bool failed;
        _cleanup_close_ int cgroup = open_directory(q);
        struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup};
        Start start = {q->command, mask, &failed};
        pid_t pid;

        if (!VFORK_SHARES_MEMORY)
                start.failed = mmap(NULL, sizeof(failed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (cgroup < 0 || start.failed == MAP_FAILED)
                return -1;
        pid = vfork3(&args, stack, sizeof(stack), execute, &start);
        if (pid > 0 && *start.failed) {
                (void)waitpid(pid, NULL, 0);
                return -1;
        }
        return pid;
}

int quick_run(char **argv) {
        static Quick q = {.socket = -EBADF};
        sigset_t before;
        pid_t pid = -1;
        int made, status = -1;

        if (!parse(&q, argv + 1))
                return -1;

        /* While something may have been made: a signal between the start and the wait must not leave the command alone. */
        wait_take_signals(&before);
        made = guess_place(&q) ? delegate(&q) : 0;
        if (made < 0 && !q.reached) {
                wait_give_signals(&before);
                return -1;
        }
        if (made == 0) {
                wait_give_signals(&before);
                if (!enter(&q))
                        return -1;
                wait_take_signals(&before);
                made = delegate(&q);
        }
        /* A ^C from before the command was there has not reached it: it ends us, when signals are given back. */
        if (made > 0 && !wait_has_signal())
                pid = spawn(&q, &before);
        if (pid > 0)
                status = wait_for_command(pid);
        /* The daemon removes it with its last process, but one that was killed meanwhile may not have seen that there was one. What it
         * has refused to make is not there; what it may have made is, and if the name is not ours alone it may be another's. */
        if (made > 0 || (made < 0 && !q.name))
                remove_surely(&q);
        if (pid < 0)
                wait_give_signals(&before);
        q.socket = safe_close(q.socket);
        return status;
}
