/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tests/client/fake-daemon.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "common/util.h"
#include "dbus/names.h"

struct server {
        struct fake_control *control;
        sd_event *event;
};

static _Noreturn void die(const char *what) {
        perror(what);
        _exit(99);
}

/* Returns whether the request is to be answered in the usual way. */
static bool take_request(struct server *s) {
        int n = ++s->control->requests;

        if (s->control->die_at > 0 && n >= s->control->die_at && n < s->control->die_at + s->control->deaths)
                _exit(0);
        if (s->control->delay_msec > 0)
                (void)poll(NULL, 0, s->control->delay_msec);
        return s->control->error[0] == '\0';
}

static int answer_error(struct server *s, sd_bus_message *m) {
        return sd_bus_reply_method_errorf(m, s->control->error, "the message of %s", s->control->error);
}

static int on_nothing(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return take_request(userdata) ? sd_bus_reply_method_return(m, "") : answer_error(userdata, m);
}

static int on_bool(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return take_request(userdata) ? sd_bus_reply_method_return(m, "b", 1) : answer_error(userdata, m);
}

static int on_text(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return take_request(userdata) ? sd_bus_reply_method_return(m, "s", "text") : answer_error(userdata, m);
}

static int on_children(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return take_request(userdata) ? sd_bus_reply_method_return(m, "as", 0) : answer_error(userdata, m);
}

/* Whose connection it is: the pid of the peer. */
static int on_whoami(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct ucred peer = {};
        socklen_t n = sizeof(peer);
        char text[16];

        (void)take_request(userdata);
        (void)getsockopt(sd_bus_get_fd(sd_bus_message_get_bus(m)), SOL_SOCKET, SO_PEERCRED, &peer, &n);
        snprintf(text, sizeof(text), "%d", (int)peer.pid);
        return sd_bus_reply_method_return(m, "s", text);
}

static int on_open(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct server *s = userdata;

        (void)take_request(s);
        if (s->control->refuse_list)
                return sd_bus_reply_method_errorf(m, CGW_ERROR(InvalidValue), "more than one hierarchy");
        return sd_bus_reply_method_return(m, "h", STDIN_FILENO);
}

static int pid_of_pidfd(int pidfd) {
        _cleanup_free_ char *path = NULL;
        char line[128];
        int pid = 0;

        if (asprintf(&path, "/proc/self/fdinfo/%d", pidfd) < 0)
                return 0;

        FILE *f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "Pid: %d", &pid) == 1)
                        break;
        if (f)
                fclose(f);
        return pid;
}

static int on_move(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct server *s = userdata;
        const char *controllers, *path;
        int pidfd;

        if (sd_bus_message_read(m, "ssh", &controllers, &path, &pidfd) < 0)
                return -EINVAL;

        s->control->moved_pid = pid_of_pidfd(pidfd);
        return on_nothing(m, userdata, error);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Create", "ss", "b", on_bool, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Remove", "ssb", "b", on_bool, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Delegate", "ssa{sv}", "s", on_text, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Chown", "ssuu", "", on_nothing, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("SetValue", "ssss", "", on_nothing, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetValue", "sss", "s", on_text, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListChildren", "ss", "as", on_children, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetPidFdCgroup", "sh", "s", on_whoami, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("MovePidFd", "ssh", "", on_move, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("OpenCgroup", "ss", "h", on_open, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct server *s = userdata;
        sd_id128_t id = SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10);
        sd_bus *bus = NULL;

        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer < 0)
                return 0;

        s->control->connections++;
        /* A bus that ends stays allocated: the process is short-lived. One whose client has gone meanwhile fails. */
        if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, peer, peer) < 0 || sd_bus_set_server(bus, 1, id) < 0 ||
            sd_bus_negotiate_fds(bus, 1) < 0 ||
            sd_bus_add_object_vtable(bus, NULL, CGW_OBJECT_PATH, CGW_MANAGER_INTERFACE, vtable, s) < 0 ||
            sd_bus_start(bus) < 0 || sd_bus_attach_event(bus, s->event, 0) < 0)
                safe_close(peer);
        return 0;
}

static int listen_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
        (void)unlink(path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
                die(path);
        return fd;
}

static _Noreturn void serve(struct fake *f, int ready) {
        struct server s = {.control = f->control};

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = listen_at(f->socket);
        if (sd_event_new(&s.event) < 0 || sd_event_add_io(s.event, NULL, fd, POLLIN, on_connection, &s) < 0)
                die("event");
        (void)close(ready);
        (void)sd_event_loop(s.event);
        _exit(0);
}

void fake_init(struct fake *f) {
        *f = (struct fake){.directory = "/tmp/cgwarden-test-XXXXXX"};
        if (!mkdtemp(f->directory))
                die("mkdtemp");

        snprintf(f->socket, sizeof(f->socket), "%s/socket", f->directory);
        f->control = mmap(NULL, sizeof(*f->control), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (f->control == MAP_FAILED)
                die("mmap");
}

void fake_start_later(struct fake *f, int msec) {
        int ready[2];
        char byte;

        if (pipe(ready) < 0)
                die("pipe");

        f->pid = fork();
        if (f->pid < 0)
                die("fork");
        if (f->pid == 0) {
                (void)close(ready[0]);
                (void)poll(NULL, 0, msec);
                serve(f, ready[1]);
        }

        (void)close(ready[1]);
        if (msec == 0)
                while (read(ready[0], &byte, 1) < 0 && errno == EINTR)
                        ;
        (void)close(ready[0]);
}

void fake_start(struct fake *f) {
        fake_start_later(f, 0);
}

void fake_kill(struct fake *f) {
        if (f->pid <= 0)
                return;

        (void)kill(f->pid, SIGKILL);
        while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        f->pid = 0;
}

void fake_done(struct fake *f) {
        fake_kill(f);
        (void)unlink(f->socket);
        (void)rmdir(f->directory);
        (void)munmap(f->control, sizeof(*f->control));
}
