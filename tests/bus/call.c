/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * call.c - one method call with any arguments, written for tests that want to send what a good client never would.
 *
 *   bus-call [--bus] [--name NAME] [--object PATH] [--interface NAME] [--times N] METHOD [SIGNATURE ARGUMENT...]
 *   bus-call [--bus] --watch SECONDS [--first N]     prints signals of org.cgwarden1, a line each; "ready" when it listens
 *
 * On the peer socket ($CGW_SOCKET), or the system bus. Arguments are as busctl(1) has them (an array's elements come
 * behind their number, a variant's value behind its signature), but for "h", which is one of
 *   pid:N self dead zombie file:PATH dir:PATH socket eventfd pipe
 * Prints "ok" and the answer, or the error's name without its prefix and the message; exit status 0 or 1.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

static const char *object = "/org/cgwarden1", *interface = "org.cgwarden1.Manager", *name = "org.cgwarden1";
static char **arguments;

static void die(const char *what, int r) {
        (void) printf("bus-call: %s: %s\n", what, strerror(r < 0 ? -r : r));
        exit(2);
}

static const char *next_argument(void) {
        if (!*arguments)
                die("an argument is missing", EINVAL);
        return *arguments++;
}

static int pidfd_of(pid_t pid) {
        return (int) syscall(SYS_pidfd_open, pid, 0);
}

static int ended_child(int leave_zombie) {
        pid_t pid = fork();
        siginfo_t info;
        int fd;

        if (pid == 0) {
                (void) pause();
                _exit(0);
        }
        fd = pidfd_of(pid);
        (void) kill(pid, SIGKILL);
        (void) waitid(P_PID, (id_t) pid, &info, WEXITED | (leave_zombie ? WNOWAIT : 0));
        return fd;
}

static int descriptor(const char *s) {
        int pair[2] = { -1, -1 }, fd = -1;

        if (strncmp(s, "pid:", 4) == 0)
                fd = pidfd_of(atoi(s + 4));
        else if (strcmp(s, "self") == 0)
                fd = pidfd_of(getpid());
        else if (strcmp(s, "dead") == 0)
                fd = ended_child(0);
        else if (strcmp(s, "zombie") == 0)
                fd = ended_child(1);
        else if (strncmp(s, "file:", 5) == 0)
                fd = open(s + 5, O_RDONLY | O_CLOEXEC);
        else if (strncmp(s, "dir:", 4) == 0)
                fd = open(s + 4, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        else if (strcmp(s, "socket") == 0)
                fd = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -1 : pair[0];
        else if (strcmp(s, "eventfd") == 0)
                fd = eventfd(0, EFD_CLOEXEC);
        else if (strcmp(s, "pipe") == 0)
                fd = pipe2(pair, O_CLOEXEC) < 0 ? -1 : pair[0];
        else
                errno = EINVAL;
        if (fd < 0)
                die(s, errno);
        return fd;
}

/* The length of the first complete type of a signature. */
static size_t type_length(const char *s) {
        size_t n = 1;
        int depth;

        if (*s == 'a')
                return 1 + type_length(s + 1);
        if (*s != '(' && *s != '{')
                return 1;
        for (depth = 1; depth > 0 && s[n]; n++)
                depth += s[n] == '(' || s[n] == '{' ? 1 : s[n] == ')' || s[n] == '}' ? -1 : 0;
        return n;
}

static int append(sd_bus_message *m, const char *signature);

static int append_container(sd_bus_message *m, char type, const char *contents, unsigned times) {
        int r = sd_bus_message_open_container(m, type, contents);

        for (unsigned i = 0; r >= 0 && i < times; i++)
                r = append(m, contents);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_number(sd_bus_message *m, char type, const char *s) {
        uint32_t u32 = (uint32_t) strtoull(s, NULL, 0);
        uint64_t u64 = strtoull(s, NULL, 0);

        return sd_bus_message_append_basic(m, type, type == 't' || type == 'x' ? (void *) &u64 : (void *) &u32);
}

static int append_one(sd_bus_message *m, const char *type, size_t n) {
        char contents[256];
        int flag;

        (void) snprintf(contents, sizeof(contents), "%.*s", (int) n - 1, type + 1);
        switch (*type) {
        case 'a':
                return append_container(m, 'a', contents, (unsigned) atoi(next_argument()));
        case '(':
        case '{':
                contents[n - 2] = '\0';
                return append_container(m, *type == '(' ? 'r' : 'e', contents, 1);
        case 'v':
                return append_container(m, 'v', next_argument(), 1);
        case 'h':
                return sd_bus_message_append(m, "h", descriptor(next_argument()));
        case 'b':
                flag = strcmp(next_argument(), "true") == 0;
                return sd_bus_message_append(m, "b", flag);
        case 's':
        case 'o':
        case 'g':
                return sd_bus_message_append_basic(m, *type, next_argument());
        default:
                return append_number(m, *type, next_argument());
        }
}

static int append(sd_bus_message *m, const char *signature) {
        int r = 0;

        for (size_t n; r >= 0 && *signature; signature += n) {
                n = type_length(signature);
                r = append_one(m, signature, n);
        }
        return r;
}

static void show_descriptor(int fd) {
        char link[64], target[4096];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, target, sizeof(target) - 1);
        (void) printf(" %.*s:%s", (int) (n < 0 ? 0 : n), target, fcntl(fd, F_GETFL) & O_PATH ? "O_PATH" : "open");
}

static void show(sd_bus_message *m) {
        union {
                uint8_t y;
                int b;
                uint32_t u;
                uint64_t t;
                const char *s;
        } value;
        const char *contents;
        char type;

        while (sd_bus_message_peek_type(m, &type, &contents) > 0)
                if (contents) {
                        (void) printf("%s", type == 'a' ? " [" : type == 'r' ? " (" : type == 'e' ? " {" : " <");
                        (void) sd_bus_message_enter_container(m, type, contents);
                        show(m);
                        (void) sd_bus_message_exit_container(m);
                        (void) printf("%s", type == 'a' ? " ]" : type == 'r' ? " )" : type == 'e' ? " }" : " >");
                } else {
                        value.t = 0;
                        (void) sd_bus_message_read_basic(m, type, &value);
                        if (type == 's' || type == 'o' || type == 'g')
                                (void) printf(" %s", *value.s ? value.s : "\"\"");
                        else if (type == 'b')
                                (void) printf(" %s", value.b ? "true" : "false");
                        else if (type == 'h')
                                show_descriptor((int) value.u);
                        else
                                (void) printf(" %llu", (unsigned long long) (type == 't' || type == 'x' ? value.t : value.u));
                }
}

static const char *short_error(const char *error) {
        static const char prefix[] = "org.cgwarden1.Error.";

        return strncmp(error, prefix, sizeof(prefix) - 1) == 0 ? error + sizeof(prefix) - 1 : error;
}

static int call(sd_bus *bus, const char *method, unsigned times) {
        int failed = 0;

        for (unsigned i = 0; i < times; i++) {
                char **start = arguments;
                sd_bus_message *m = NULL, *reply = NULL;
                sd_bus_error error = SD_BUS_ERROR_NULL;
                int r = sd_bus_message_new_method_call(bus, &m, name, object, interface, method);

                if (r >= 0 && *arguments)
                        r = append(m, next_argument());
                if (r < 0)
                        die("the message", r);
                r = sd_bus_call(bus, m, 10 * 1000 * 1000, &error, &reply);
                failed = r < 0;
                if (r < 0)
                        (void) printf("%s: %s\n", short_error(error.name), error.message);
                else {
                        (void) printf("ok");
                        show(reply);
                        (void) printf("\n");
                }
                sd_bus_error_free(&error);
                sd_bus_message_unref(m);
                sd_bus_message_unref(reply);
                arguments = start;
        }
        return failed;
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        int *seen = userdata;

        if (strncmp(sd_bus_message_get_interface(m), "org.cgwarden1", 13) != 0)
                return 0;
        (void) printf("%s", sd_bus_message_get_member(m));
        show(m);
        (void) printf("\n");
        (void) fflush(stdout);
        (*seen)++;
        return 0;
}

static uint64_t now_usec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

static int watch(sd_bus *bus, unsigned seconds, int first) {
        uint64_t end = now_usec() + seconds * UINT64_C(1000000), now;
        int seen = 0;
        int r = sd_bus_add_match(bus, NULL, "type='signal',path_namespace='/org/cgwarden1'", on_signal, &seen);

        if (r < 0)
                die("AddMatch", r);
        (void) printf("ready\n");
        (void) fflush(stdout);
        while ((first == 0 || seen < first) && (now = now_usec()) < end) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, end - now);
                if (r < 0)
                        die("the connection", r);
        }
        return first > 0 && seen < first;
}

static sd_bus *connect_to(int system) {
        const char *path = getenv("CGW_SOCKET");
        sd_bus *bus = NULL;
        char address[512];
        int r;

        if (system) {
                r = sd_bus_open_system(&bus);
        } else {
                (void) snprintf(address, sizeof(address), "unix:path=%s", path ? path : "/run/cgwarden/socket");
                r = sd_bus_new(&bus);
                if (r >= 0)
                        r = sd_bus_set_address(bus, address);
                if (r >= 0)
                        r = sd_bus_set_bus_client(bus, 1);
                if (r >= 0)
                        r = sd_bus_negotiate_fds(bus, 1);
                if (r >= 0)
                        r = sd_bus_start(bus);
                if (r >= 0) /* waits for Hello */
                        r = sd_bus_get_unique_name(bus, &(const char *) { NULL });
        }
        if (r < 0)
                die("cannot connect", r);
        return bus;
}

int main(int argc, char *argv[]) {
        unsigned seconds = 0, times = 1;
        int system = 0, first = 0, watching = 0, status;
        const char *method;
        sd_bus *bus;

        arguments = argv + 1;
        while (*arguments && strncmp(*arguments, "--", 2) == 0) {
                const char *option = next_argument();

                if (strcmp(option, "--bus") == 0)
                        system = 1;
                else if (strcmp(option, "--name") == 0)
                        name = next_argument();
                else if (strcmp(option, "--object") == 0)
                        object = next_argument();
                else if (strcmp(option, "--interface") == 0)
                        interface = next_argument();
                else if (strcmp(option, "--times") == 0)
                        times = (unsigned) atoi(next_argument());
                else if (strcmp(option, "--first") == 0)
                        first = atoi(next_argument());
                else if (strcmp(option, "--watch") == 0) {
                        watching = 1;
                        seconds = (unsigned) atoi(next_argument());
                } else
                        die(option, EINVAL);
        }

        bus = connect_to(system);
        if (watching) {
                status = watch(bus, seconds, first);
        } else {
                method = next_argument();
                status = call(bus, method, times);
        }
        sd_bus_flush_close_unref(bus);
        return status;
}
