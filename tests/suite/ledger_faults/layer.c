/* Loaded below the hook (LD_PRELOAD): lets a call that changes files below a folder fail, or ends the process there, and moves
 * its clock. Calls are caught by seccomp(2), since not all of them go through libc.
 *
 * LAYER_BELOW: the folder. LAYER_LOG: gets a line for each such call. LAYER_AT: the number of the call, from 1.
 * LAYER_HOW: `eio`: that one fails; `enospc`: from there on, whatever takes room; `kill`: the process ends before it;
 * `half`: half of it is written, or the whole is done where it is no write, and the process ends.
 * LAYER_CLOCK: seconds that the clock is ahead.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define ARGUMENTS(c) { c->uc_mcontext.gregs[REG_RDI], c->uc_mcontext.gregs[REG_RSI], c->uc_mcontext.gregs[REG_RDX], \
                       c->uc_mcontext.gregs[REG_R10], c->uc_mcontext.gregs[REG_R8] }
#define RESULT(c) c->uc_mcontext.gregs[REG_RAX]
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#define ARGUMENTS(c) { c->uc_mcontext.regs[0], c->uc_mcontext.regs[1], c->uc_mcontext.regs[2], c->uc_mcontext.regs[3], \
                       c->uc_mcontext.regs[4] }
#define RESULT(c) c->uc_mcontext.regs[0]
#else
#error "no registers are known for this architecture"
#endif

/* None of the calls has a sixth argument: this one says that the call is the layer's own. */
#define OWN 0x4c61796572L

enum kind { BY_HANDLE, BY_NAME, BY_NAME_IN, BY_NAMES_IN };

static const struct {
    long number;
    const char *name;
    enum kind kind;
    int takes_room;
} calls[] = {
    { SYS_write, "write", BY_HANDLE, 1 },
    { SYS_pwrite64, "pwrite", BY_HANDLE, 1 },
    { SYS_ftruncate, "ftruncate", BY_HANDLE, 1 },
    { SYS_fsync, "fsync", BY_HANDLE, 0 },
    { SYS_fdatasync, "fdatasync", BY_HANDLE, 0 },
    { SYS_openat, "open", BY_NAME_IN, 1 },
    { SYS_unlinkat, "unlink", BY_NAME_IN, 0 },
    { SYS_mkdirat, "mkdir", BY_NAME_IN, 1 },
    { SYS_renameat2, "rename", BY_NAMES_IN, 0 },
#ifdef SYS_renameat
    { SYS_renameat, "rename", BY_NAMES_IN, 0 },
#endif
#ifdef SYS_open
    { SYS_open, "open", BY_NAME, 1 },
    { SYS_unlink, "unlink", BY_NAME, 0 },
    { SYS_mkdir, "mkdir", BY_NAME, 1 },
    { SYS_rename, "rename", BY_NAME, 0 },
#endif
};
enum { CALLS = sizeof calls / sizeof calls[0] };

static const char *below, *how;
static long at, counted;
static int journal = -1;

static long own(long number, const long *a)
{
    long result = syscall(number, a[0], a[1], a[2], a[3], a[4], OWN);
    return result < 0 ? -errno : result;
}

static int path_of_handle(long handle, char *path, size_t size)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%ld", handle);
    ssize_t length = readlink(name, path, size - 1);
    path[length < 0 ? 0 : length] = 0;
    return length >= 0;
}

static void path_of(enum kind kind, const long *a, char *path, size_t size)
{
    const char *name = (const char *)(kind == BY_NAME ? a[0] : a[1]);
    if (kind == BY_HANDLE)
        path_of_handle(a[0], path, size);
    else if (kind == BY_NAME || name[0] == '/' || (int)a[0] == AT_FDCWD)
        snprintf(path, size, "%s", name);
    else if (path_of_handle((int)a[0], path, size))
        snprintf(path + strlen(path), size - strlen(path), "/%s", name);
}

static int concerns(const char *path)
{
    size_t length = strlen(below);
    return strncmp(path, below, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static long fault(int call, const long *a)
{
    if (strcmp(how, "eio") == 0)
        return -EIO;
    if (strcmp(how, "enospc") == 0)
        return -ENOSPC;
    if (strcmp(how, "half") == 0) {
        long half[5] = { a[0], a[1], a[2], a[3], a[4] };
        if (calls[call].number == SYS_write || calls[call].number == SYS_pwrite64)
            half[2] = a[2] / 2;
        own(calls[call].number, half);
    }
    kill(getpid(), SIGKILL);
    return -EIO;
}

static void caught(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    int former = errno;
    ucontext_t *c = context;
    long a[5] = ARGUMENTS(c);
    int call = 0;
    while (call + 1 < CALLS && calls[call].number != info->si_syscall)
        call++;
    char path[4096] = "";
    path_of(calls[call].kind, a, path, sizeof path);
    int opens = strcmp(calls[call].name, "open") == 0;
    long flags = calls[call].kind == BY_NAME ? a[1] : a[2];
    long result;
    if (!concerns(path) || (opens && (flags & O_ACCMODE) == O_RDONLY)) {
        result = own(info->si_syscall, a);
    } else {
        long number = __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
        char line[4200];
        int length = snprintf(line, sizeof line, "%ld %s %s\n", number, calls[call].name, path);
        long entry[5] = { journal, (long)line, length, 0, 0 };
        own(SYS_write, entry);
        int takes_room = calls[call].takes_room && (!opens || flags & O_CREAT);
        int due = number == at || (number > at && strcmp(how, "enospc") == 0 && takes_room);
        /* What is only in memory outlives a process: syncing would but take time. */
        int syncs = info->si_syscall == SYS_fsync || info->si_syscall == SYS_fdatasync;
        result = at > 0 && due ? fault(call, a) : syncs ? 0 : own(info->si_syscall, a);
    }
    RESULT(c) = result;
    errno = former;
}

static void catch_calls(void)
{
    struct sock_filter filter[CALLS + 9] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    const struct sock_filter end[] = {
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)OWN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    for (int call = 0; call < CALLS; call++)
        filter[4 + call] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[call].number, CALLS - call, 0);
    memcpy(filter + 4 + CALLS, end, sizeof end);
    struct sock_fprog program = { .len = CALLS + 9, .filter = filter };
    struct sigaction action = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER };
    if (sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("the layer cannot catch calls");
        _exit(99);
    }
}

__attribute__((constructor)) static void begin(void)
{
    const char *number = getenv("LAYER_AT"), *log = getenv("LAYER_LOG");
    below = getenv("LAYER_BELOW");
    how = getenv("LAYER_HOW");
    if (!below || !log || !how || !number)
        return;
    at = strtol(number, NULL, 10);
    journal = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    catch_calls();
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    const char *ahead = getenv("LAYER_CLOCK");
    if (result == 0 && clock == CLOCK_REALTIME && ahead)
        time->tv_sec += strtol(ahead, NULL, 10);
    return result;
}
