/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the parts of the benchmark share: time, medians, the rows of the table, and system calls that must succeed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#define ROUNDS_MAX 4000

/* Times of one kind of work, in microseconds. */
typedef struct Times {
        size_t n;
        double usec[ROUNDS_MAX];
} Times;

double now_usec(void);
void times_add(Times *t, double usec);
double times_median(Times *t); /* sorts */

/* TIMED(&times, work): adds how long it took */
#define TIMED(times, work)                          \
        do {                                        \
                double timed_start_ = now_usec();   \
                work;                               \
                times_add(times, now_usec() - timed_start_); \
        } while (0)

#define NONE (-1.0) /* there is no such figure in this row */

/* A row of the table; a bar of NONE makes it an information. value, plain, peer and bar are in the same unit. */
void row(const char *name, double value, double plain, double peer, double bar, const char *bar_text);

/* Ends the program: something that is to be measured does not work. */
_Noreturn void die(const char *what, int err);
static inline int must(const char *what, int r) {
        if (r < 0)
                die(what, r);
        return r;
}

/* The same by errno. */
void write_file(const char *path, const char *text);
void write_pid(const char *directory, pid_t pid); /* to its cgroup.procs */
size_t read_file(const char *path, char *buffer, size_t size);
pid_t start_sleeper(void);
void end_sleeper(pid_t pid);

sd_bus *connect_to_daemon(void);
sd_bus *connect_at(const char *socket);
void call(sd_bus *bus, const char *member, const char *signature, ...);
void call_ping(sd_bus *bus);
void call_get_value(sd_bus *bus, const char *controller, const char *path, const char *key);

/* From /proc/PID/status, in bytes. */
double memory_of(pid_t pid, const char *field);

void bench_calls(pid_t daemon_pid);
void bench_crowd(void);
void bench_legacy(void); /* cgmanager's interface */
void bench_container(const char *one_proxy, const char *two_proxies);
void bench_pam(pid_t daemon_pid, const char *module, const char *peer_module); /* no peer: "" */
void bench_su(const char *module);
