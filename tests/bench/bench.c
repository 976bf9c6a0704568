/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bench.c - how long cgwardend takes beside the same work done by plain system calls and, for PAM, by pam_cgfs.
 *
 *   bench DAEMON-PID PAM-MODULE ONE-PROXY TWO-PROXIES [PEER-MODULE]     inside a hybrid world, see bench.sh; the proxies'
 *                                                                       sockets
 *
 * A machine's figures mean nothing by themselves and those of two runs little, so that ours and the other one take turns
 * in the same loop, and a row has the medians. No figure makes the program fail: the exit status tells whether all worked.
 */

#include "tests/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dbus/names.h"

double now_usec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec * 1e6 + (double) t.tv_nsec / 1e3;
}

void times_add(Times *t, double usec) {
        if (t->n < ROUNDS_MAX)
                t->usec[t->n++] = usec;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

double times_median(Times *t) {
        if (t->n == 0)
                return NONE;
        qsort(t->usec, t->n, sizeof(*t->usec), compare);
        return t->usec[t->n / 2];
}

static void cell(double value) {
        if (value < 0)
                (void) printf(" | %9s", "");
        else
                (void) printf(" | %9.*f", value < 1000 ? 1 : 0, value);
}

void row(const char *name, double value, double plain, double peer, double bar, const char *bar_text) {
        double other = plain >= 0 ? plain : peer;

        (void) printf("| %-46s", name);
        cell(value);
        cell(plain);
        cell(peer);
        if (other > 0)
                (void) printf(" | %5.2f", value / other);
        else
                (void) printf(" | %5s", "");
        cell(bar);
        (void) printf(" | %-26s | %-4s |\n", bar_text, bar < 0 ? "" : value <= bar ? "ok" : "over");
        (void) fflush(stdout);
}

void die(const char *what, int err) {
        (void) fflush(stdout);
        (void) fprintf(stderr, "bench: %s: %s\n", what, strerror(err < 0 ? -err : err));
        exit(1);
}

void write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                die(path, errno);
        (void) close(fd);
}

void write_pid(const char *directory, pid_t pid) {
        char path[600], text[16];

        (void) snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
        (void) snprintf(text, sizeof(text), "%d", (int) pid);
        write_file(path, text);
}

size_t read_file(const char *path, char *buffer, size_t size) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                die(path, errno);
        n = read(fd, buffer, size - 1);
        if (n < 0)
                die(path, errno);
        (void) close(fd);
        buffer[n] = '\0';
        return (size_t) n;
}

pid_t start_sleeper(void) {
        pid_t pid = fork();

        if (pid == 0)
                for (;;)
                        (void) pause();
        if (pid < 0)
                die("fork", errno);
        return pid;
}

void end_sleeper(pid_t pid) {
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
}

sd_bus *connect_at(const char *socket) {
        char address[128];
        sd_bus *bus;

        (void) snprintf(address, sizeof(address), "unix:path=%s", socket);
        must("sd_bus_new", sd_bus_new(&bus));
        must("address", sd_bus_set_address(bus, address));
        must("connect", sd_bus_start(bus));
        return bus;
}

sd_bus *connect_to_daemon(void) {
        return connect_at(CGW_SOCKET_PATH);
}

void call(sd_bus *bus, const char *member, const char *signature, ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *m = NULL, *reply = NULL;
        va_list ap;
        int r;

        must("call", sd_bus_message_new_method_call(bus, &m, NULL, CGW_OBJECT_PATH, CGW_MANAGER_INTERFACE, member));
        va_start(ap, signature);
        must("arguments", sd_bus_message_appendv(m, signature, ap));
        va_end(ap);
        r = sd_bus_call(bus, m, 0, &error, &reply);
        if (r < 0) {
                (void) fprintf(stderr, "bench: %s: %s\n", member, error.message);
                die(member, r);
        }
        sd_bus_message_unref(reply);
        sd_bus_message_unref(m);
}

void call_ping(sd_bus *bus) {
        sd_bus_message *reply = NULL;

        must("Ping", sd_bus_call_method(bus, NULL, CGW_OBJECT_PATH, "org.freedesktop.DBus.Peer", "Ping", NULL, &reply, ""));
        sd_bus_message_unref(reply);
}

void call_get_value(sd_bus *bus, const char *controller, const char *path, const char *key) {
        call(bus, "GetValue", "sss", controller, path, key);
}

double memory_of(pid_t pid, const char *field) {
        char path[64], text[8192];
        const char *line;

        (void) snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
        (void) read_file(path, text, sizeof(text));
        line = strstr(text, field);
        if (!line)
                die(field, ENODATA);
        return strtod(line + strlen(field) + 1, NULL) * 1024;
}

int main(int argc, char **argv) {
        struct rlimit files;
        pid_t daemon_pid;

        if (argc < 5) {
                (void) fprintf(stderr, "Usage: bench DAEMON-PID PAM-MODULE ONE-PROXY TWO-PROXIES [PEER-MODULE]\n");
                return 2;
        }
        daemon_pid = (pid_t) atoi(argv[1]);
        if (getrlimit(RLIMIT_NOFILE, &files) >= 0) {
                files.rlim_cur = files.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &files);
        }

        (void) printf("| %-46s | %9s | %9s | %9s | %5s | %9s | %-26s | %-4s |\n", "microseconds, where there is no unit", "ours",
                      "plain", "pam_cgfs", "ratio", "bar", "the bar is", "");
        (void) printf("|%.48s|%.11s|%.11s|%.11s|%.7s|%.11s|%.28s|%.6s|\n",
                      "------------------------------------------------", "----------:", "----------:", "----------:",
                      "------:", "----------:", "----------------------------", "------");
        row("resident at start, MB", memory_of(daemon_pid, "VmRSS") / 1e6, NONE, NONE, 6, "6 MB");
        bench_calls(daemon_pid);
        bench_legacy();
        bench_crowd();
        bench_container(argv[3], argv[4]);
        bench_pam(daemon_pid, argv[2], argc > 5 ? argv[5] : "");
        bench_su(argv[2]);
        return 0;
}
