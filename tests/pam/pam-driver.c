/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Logins by PAM alone, many of them at the same moment.
 *
 *   pam-driver SERVICE USER two-handles    opens a session on each of two handles and closes them, the first one first
 *   pam-driver SERVICE USER together N     N processes open at once and print the cgroup that each got; they close when
 *                                          standard input ends
 *   pam-driver SERVICE USER rounds R N DIR R times N processes at once, each time when DIR, the user's directory, has gone
 *   pam-driver SERVICE USER loop SECONDS   opens, waits a moment, closes, again and again; failures do not end it
 *
 * A line for each login: its cgroup in the freezer or on v2, or "FAILED" and why. Exit status 1 when one failed.
 */

#include <errno.h>
#include <security/pam_appl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *service, *user;

static int no_conversation(int n, const struct pam_message **messages, struct pam_response **ret, void *userdata) {
        return PAM_CONV_ERR;
}

static const struct pam_conv conversation = { .conv = no_conversation };

static pam_handle_t *start(void) {
        pam_handle_t *handle = NULL;

        if (pam_start(service, user, &conversation, &handle) != PAM_SUCCESS) {
                (void) puts("FAILED pam_start");
                exit(1);
        }
        return handle;
}

/* The path in the freezer's line or v2's: the one that is not the root. A kernel with a freezer hierarchy shows its line also
 * where v2 alone is mounted. */
static void print_cgroup(FILE *out) {
        FILE *f = fopen("/proc/self/cgroup", "re");
        char line[4096], found[4096] = "/\n";

        while (f && fgets(line, sizeof(line), f)) {
                const char *path = strrchr(line, ':') + 1;

                if ((strstr(line, ":freezer:") || strncmp(line, "0::", 3) == 0) && strcmp(path, "/\n") != 0 &&
                    !strstr(path, "world.leaf"))
                        (void) snprintf(found, sizeof(found), "%s", path);
        }
        if (f)
                (void) fclose(f);
        (void) fputs(found, out);
        (void) fflush(out);
}

/* One login in a process of its own: its line goes to out, and it closes when release has ended. */
static void login_once(int begin, int release, FILE *out) {
        pam_handle_t *handle = start();
        char byte;
        int r, k;

        (void) !read(begin, &byte, 1); /* all begin when the other end is closed */
        r = pam_open_session(handle, 0);
        if (r != PAM_SUCCESS)
                (void) fprintf(out, "FAILED %s\n", pam_strerror(handle, r));
        else
                print_cgroup(out);
        (void) fflush(out);

        if (release >= 0)
                (void) !read(release, &byte, 1);
        k = pam_close_session(handle, 0);
        (void) pam_end(handle, k);
        _exit(r == PAM_SUCCESS && k == PAM_SUCCESS ? 0 : 1);
}

/* Starts n processes that begin together. Returns a stream of their lines. */
static FILE *start_many(unsigned n, bool release, int *ret_release) {
        int begin[2], lines[2], end[2] = { -1, -1 };

        if (pipe(begin) < 0 || pipe(lines) < 0 || (release && pipe(end) < 0)) {
                perror("pipe");
                exit(2);
        }
        for (unsigned i = 0; i < n; i++) {
                pid_t pid = fork();

                if (pid < 0) {
                        perror("fork");
                        exit(2);
                }
                if (pid == 0) {
                        (void) close(begin[1]);
                        (void) close(lines[0]);
                        if (end[1] >= 0)
                                (void) close(end[1]);
                        login_once(begin[0], end[0], fdopen(lines[1], "w"));
                }
        }
        (void) close(begin[0]);
        (void) close(lines[1]);
        if (end[0] >= 0)
                (void) close(end[0]);
        *ret_release = end[1];
        (void) close(begin[1]);
        return fdopen(lines[0], "r");
}

static int wait_all(unsigned n) {
        int status, failed = 0;

        for (unsigned i = 0; i < n; i++)
                if (wait(&status) > 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
                        failed = 1;
                        if (WIFSIGNALED(status))
                                (void) printf("FAILED signal %d\n", WTERMSIG(status));
                }
        return failed;
}

static int together(unsigned n) {
        char line[4096], byte;
        unsigned got = 0;
        int release;
        FILE *lines = start_many(n, true, &release);

        while (got < n && fgets(line, sizeof(line), lines)) {
                (void) fputs(line, stdout);
                got++;
        }
        (void) puts("ready");
        (void) fflush(stdout);
        (void) !read(STDIN_FILENO, &byte, 1);
        (void) close(release);
        (void) fclose(lines);
        return wait_all(n);
}

static bool wait_gone(const char *directory) {
        struct stat st;

        for (unsigned i = 0; i < 1000; i++) {
                if (stat(directory, &st) < 0 && errno == ENOENT)
                        return true;
                (void) usleep(5000);
        }
        (void) printf("FAILED %s does not go\n", directory);
        return false;
}

static int rounds(unsigned n_rounds, unsigned n, const char *directory) {
        int failed = 0, release;

        for (unsigned i = 0; i < n_rounds; i++) {
                char line[4096];
                FILE *lines;

                if (!wait_gone(directory))
                        return 1;
                lines = start_many(n, false, &release);
                while (fgets(line, sizeof(line), lines))
                        if (strncmp(line, "FAILED", 6) == 0) {
                                (void) fputs(line, stdout);
                                failed = 1;
                        }
                (void) fclose(lines);
                failed |= wait_all(n);
        }
        return failed;
}

static int two_handles(void) {
        pam_handle_t *a = start(), *b = start();
        int r = pam_open_session(a, 0);

        if (r == PAM_SUCCESS)
                r = pam_open_session(b, 0);
        print_cgroup(stdout);
        if (r == PAM_SUCCESS)
                r = pam_close_session(a, 0);
        (void) pam_end(a, r);
        if (r == PAM_SUCCESS)
                r = pam_close_session(b, 0);
        (void) pam_end(b, r);
        return r == PAM_SUCCESS ? 0 : 1;
}

static int loop(unsigned seconds) {
        time_t end = time(NULL) + (time_t) seconds;
        unsigned opened = 0, failed = 0;

        while (time(NULL) < end) {
                pid_t pid = fork();
                int status;

                if (pid == 0) {
                        pam_handle_t *handle = start();
                        int r = pam_open_session(handle, 0);

                        (void) usleep((useconds_t) (random() % 3000));
                        if (r == PAM_SUCCESS)
                                (void) pam_close_session(handle, 0);
                        (void) pam_end(handle, r);
                        _exit(r == PAM_SUCCESS ? 0 : 1);
                }
                if (pid < 0 || waitpid(pid, &status, 0) < 0)
                        return 2;
                if (WIFSIGNALED(status)) {
                        (void) printf("FAILED signal %d\n", WTERMSIG(status));
                        return 1;
                }
                opened += WEXITSTATUS(status) == 0;
                failed += WEXITSTATUS(status) != 0;
        }
        (void) printf("%u opened, %u failed\n", opened, failed);
        return 0;
}

int main(int argc, char *argv[]) {
        if (argc >= 4) {
                service = argv[1];
                user = argv[2];
        }
        if (argc == 4 && strcmp(argv[3], "two-handles") == 0)
                return two_handles();
        if (argc == 5 && strcmp(argv[3], "together") == 0)
                return together((unsigned) atoi(argv[4]));
        if (argc == 7 && strcmp(argv[3], "rounds") == 0)
                return rounds((unsigned) atoi(argv[4]), (unsigned) atoi(argv[5]), argv[6]);
        if (argc == 5 && strcmp(argv[3], "loop") == 0)
                return loop((unsigned) atoi(argv[4]));
        (void) fputs("Usage: pam-driver SERVICE USER two-handles|together N|rounds R N DIR|loop SECONDS\n", stderr);
        return 2;
}
