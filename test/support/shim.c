/*
 * Kills its process before or after the Nth system call that changes a file system.
 *
 * HOLDALL_SHIM names a file of fixed size, made by the test and mapped here: 8 bytes of count, then one
 * line "name path-or-descriptor" per call. HOLDALL_SHIM_KILL is "before N" or "after N".
 * What counts: creating, writing, syncing, linking, renaming, removing, and every change of metadata, of
 * regular files and folders. Pipes, sockets, terminals and event descriptors do not: whether a descriptor
 * counts is asked from the kernel. The lines carry the kernel's names, so that strace can be compared.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

#define SIZE (1 << 20)
#define LINES (SIZE - 16)
#define SETFLAGS 0x40086602UL
#define FSSETXATTR 0x401c5820UL
#define FICLONE 0x40049409UL
#define FICLONERANGE 0x4020940dUL

static struct { atomic_long count; atomic_long end; char text[LINES]; } *record;
static long kill_at;
static int kill_after;

static int ordinary(int fd) {
  struct stat st;
  int saved = errno, r = fstat(fd, &st);
  errno = saved;
  return r == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* Counts a call that is about to be made; returns its number. */
static long enter(const char *name, const char *path, int fd) {
  if (record == NULL) return 0;
  long number = atomic_fetch_add(&record->count, 1) + 1;
  char line[256];
  int n = path != NULL ? snprintf(line, sizeof line, "%s %.200s\n", name, path)
                       : snprintf(line, sizeof line, "%s %d\n", name, fd);
  if (n >= (int)sizeof line) n = sizeof line - 1;
  long at = atomic_fetch_add(&record->end, n);
  if (at + n < LINES) memcpy(record->text + at, line, n);
  if (number == kill_at && !kill_after) die();
  return number;
}

static void leave(long number) {
  if (number != 0 && number == kill_at && kill_after) die();
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("HOLDALL_SHIM"), *kill_text = getenv("HOLDALL_SHIM_KILL");
  if (path == NULL) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  void *map = fd < 0 ? MAP_FAILED : mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) { perror("shim"); _exit(99); }
  close(fd);
  record = map;
  char when[8];
  if (kill_text != NULL && sscanf(kill_text, "%7s %ld", when, &kill_at) == 2)
    kill_after = strcmp(when, "after") == 0;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* A call that always counts; `shown` is the kernel's name of it. */
#define PATH(type, name, shown, path, params, args) \
  type name params { REAL(name); long n = enter(shown, path, 0); type r = real args; leave(n); return r; }
/* A call that counts when its descriptor is a file or folder. */
#define HANDLE(type, name, shown, fd, params, args) \
  type name params { REAL(name); long n = ordinary(fd) ? enter(shown, NULL, fd) : 0; \
    type r = real args; leave(n); return r; }

#define MAKES(flags) (((flags) & (O_CREAT | O_TRUNC)) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE)
#define OPEN(name, params, start, args) \
  int name params { REAL(name); mode_t mode = 0; \
    if (MAKES(flags)) { va_list ap; va_start(ap, flags); mode = va_arg(ap, mode_t); va_end(ap); } \
    long n = MAKES(flags) ? enter(start, path, 0) : 0; int r = real args; leave(n); return r; }

OPEN(open, (const char *path, int flags, ...), "openat", (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), "openat", (path, flags, mode))
OPEN(openat, (int dir, const char *path, int flags, ...), "openat", (dir, path, flags, mode))
OPEN(openat64, (int dir, const char *path, int flags, ...), "openat", (dir, path, flags, mode))
PATH(int, creat, "creat", p, (const char *p, mode_t m), (p, m))
PATH(int, creat64, "creat", p, (const char *p, mode_t m), (p, m))

HANDLE(ssize_t, write, "write", fd, (int fd, const void *b, size_t n0), (fd, b, n0))
HANDLE(ssize_t, pwrite, "pwrite64", fd, (int fd, const void *b, size_t n0, off_t o), (fd, b, n0, o))
HANDLE(ssize_t, pwrite64, "pwrite64", fd, (int fd, const void *b, size_t n0, off64_t o), (fd, b, n0, o))
HANDLE(ssize_t, writev, "writev", fd, (int fd, const struct iovec *v, int c), (fd, v, c))
HANDLE(ssize_t, pwritev, "pwritev", fd, (int fd, const struct iovec *v, int c, off_t o), (fd, v, c, o))
HANDLE(ssize_t, pwritev64, "pwritev", fd, (int fd, const struct iovec *v, int c, off64_t o), (fd, v, c, o))
HANDLE(ssize_t, pwritev2, "pwritev2", fd, (int fd, const struct iovec *v, int c, off_t o, int f), (fd, v, c, o, f))
HANDLE(ssize_t, copy_file_range, "copy_file_range", out,
  (int in, off64_t *io, int out, off64_t *oo, size_t l, unsigned f), (in, io, out, oo, l, f))
HANDLE(ssize_t, splice, "splice", out,
  (int in, off64_t *io, int out, off64_t *oo, size_t l, unsigned f), (in, io, out, oo, l, f))
ssize_t sendfile(int, int, off_t *, size_t);
ssize_t sendfile64(int, int, off64_t *, size_t);
HANDLE(ssize_t, sendfile, "sendfile", out, (int out, int in, off_t *o, size_t c), (out, in, o, c))
HANDLE(ssize_t, sendfile64, "sendfile", out, (int out, int in, off64_t *o, size_t c), (out, in, o, c))
HANDLE(int, fsync, "fsync", fd, (int fd), (fd))
HANDLE(int, fdatasync, "fdatasync", fd, (int fd), (fd))
HANDLE(int, syncfs, "syncfs", fd, (int fd), (fd))
HANDLE(int, sync_file_range, "sync_file_range", fd, (int fd, off64_t o, off64_t l, unsigned f), (fd, o, l, f))
HANDLE(int, ftruncate, "ftruncate", fd, (int fd, off_t l), (fd, l))
HANDLE(int, ftruncate64, "ftruncate", fd, (int fd, off64_t l), (fd, l))
HANDLE(int, fallocate, "fallocate", fd, (int fd, int m, off_t o, off_t l), (fd, m, o, l))
HANDLE(int, fallocate64, "fallocate", fd, (int fd, int m, off64_t o, off64_t l), (fd, m, o, l))
HANDLE(int, posix_fallocate, "fallocate", fd, (int fd, off_t o, off_t l), (fd, o, l))
HANDLE(int, posix_fallocate64, "fallocate", fd, (int fd, off64_t o, off64_t l), (fd, o, l))
HANDLE(int, fchmod, "fchmod", fd, (int fd, mode_t m), (fd, m))
HANDLE(int, fchown, "fchown", fd, (int fd, uid_t u, gid_t g), (fd, u, g))
HANDLE(int, futimens, "utimensat", fd, (int fd, const struct timespec t[2]), (fd, t))
HANDLE(int, futimes, "utimensat", fd, (int fd, const struct timeval t[2]), (fd, t))
HANDLE(int, fsetxattr, "fsetxattr", fd, (int fd, const char *k, const void *v, size_t s, int f), (fd, k, v, s, f))
HANDLE(int, fremovexattr, "fremovexattr", fd, (int fd, const char *k), (fd, k))

int setxattr(const char *, const char *, const void *, size_t, int);
int lsetxattr(const char *, const char *, const void *, size_t, int);
int removexattr(const char *, const char *);
int lremovexattr(const char *, const char *);
PATH(int, setxattr, "setxattr", p, (const char *p, const char *k, const void *v, size_t s, int f), (p, k, v, s, f))
PATH(int, lsetxattr, "lsetxattr", p, (const char *p, const char *k, const void *v, size_t s, int f), (p, k, v, s, f))
PATH(int, removexattr, "removexattr", p, (const char *p, const char *k), (p, k))
PATH(int, lremovexattr, "lremovexattr", p, (const char *p, const char *k), (p, k))
PATH(int, truncate, "truncate", p, (const char *p, off_t l), (p, l))
PATH(int, truncate64, "truncate", p, (const char *p, off64_t l), (p, l))
PATH(int, link, "link", q, (const char *p, const char *q), (p, q))
PATH(int, linkat, "linkat", q, (int a, const char *p, int b, const char *q, int f), (a, p, b, q, f))
PATH(int, symlink, "symlink", q, (const char *p, const char *q), (p, q))
PATH(int, symlinkat, "symlinkat", q, (const char *p, int d, const char *q), (p, d, q))
PATH(int, rename, "rename", q, (const char *p, const char *q), (p, q))
PATH(int, renameat, "renameat", q, (int a, const char *p, int b, const char *q), (a, p, b, q))
PATH(int, renameat2, "renameat2", q, (int a, const char *p, int b, const char *q, unsigned f), (a, p, b, q, f))
PATH(int, unlink, "unlink", p, (const char *p), (p))
PATH(int, unlinkat, "unlinkat", p, (int d, const char *p, int f), (d, p, f))
PATH(int, rmdir, "rmdir", p, (const char *p), (p))
PATH(int, mkdir, "mkdir", p, (const char *p, mode_t m), (p, m))
PATH(int, mkdirat, "mkdirat", p, (int d, const char *p, mode_t m), (d, p, m))
PATH(int, mknod, "mknodat", p, (const char *p, mode_t m, dev_t d), (p, m, d))
PATH(int, mknodat, "mknodat", p, (int a, const char *p, mode_t m, dev_t d), (a, p, m, d))
PATH(int, chmod, "chmod", p, (const char *p, mode_t m), (p, m))
PATH(int, fchmodat, "fchmodat", p, (int d, const char *p, mode_t m, int f), (d, p, m, f))
PATH(int, chown, "chown", p, (const char *p, uid_t u, gid_t g), (p, u, g))
PATH(int, lchown, "lchown", p, (const char *p, uid_t u, gid_t g), (p, u, g))
PATH(int, fchownat, "fchownat", p, (int d, const char *p, uid_t u, gid_t g, int f), (d, p, u, g, f))
PATH(int, utime, "utime", p, (const char *p, const struct utimbuf *t), (p, t))
PATH(int, utimes, "utimes", p, (const char *p, const struct timeval t[2]), (p, t))
PATH(int, lutimes, "utimensat", p, (const char *p, const struct timeval t[2]), (p, t))
PATH(int, utimensat, "utimensat", p, (int d, const char *p, const struct timespec t[2], int f), (d, p, t, f))

int ioctl(int fd, unsigned long request, ...) {
  static int (*real)(int, unsigned long, ...);
  if (real == NULL) real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  va_list ap;
  va_start(ap, request);
  void *argument = va_arg(ap, void *);
  va_end(ap);
  int counts = request == SETFLAGS || request == FSSETXATTR || request == FICLONE || request == FICLONERANGE;
  long n = counts ? enter("ioctl", NULL, fd) : 0;
  int r = real(fd, request, argument);
  leave(n);
  return r;
}

/* The kernel's calls by number, as libraries make them that trust no wrapper. */
static const struct { long number; const char *name; int fd; } NUMBERS[] = {
  {SYS_write, "write", 0}, {SYS_pwrite64, "pwrite64", 0}, {SYS_writev, "writev", 0}, {SYS_pwritev, "pwritev", 0},
  {SYS_pwritev2, "pwritev2", 0}, {SYS_fsync, "fsync", 0}, {SYS_fdatasync, "fdatasync", 0}, {SYS_syncfs, "syncfs", 0},
  {SYS_ftruncate, "ftruncate", 0}, {SYS_fallocate, "fallocate", 0}, {SYS_fchmod, "fchmod", 0},
  {SYS_fchown, "fchown", 0}, {SYS_fsetxattr, "fsetxattr", 0}, {SYS_fremovexattr, "fremovexattr", 0},
  {SYS_sendfile, "sendfile", 0}, {SYS_copy_file_range, "copy_file_range", 2}, {SYS_splice, "splice", 2},
  {SYS_link, "link", -1}, {SYS_linkat, "linkat", -1}, {SYS_rename, "rename", -1}, {SYS_renameat, "renameat", -1},
  {SYS_renameat2, "renameat2", -1}, {SYS_unlink, "unlink", -1}, {SYS_unlinkat, "unlinkat", -1},
  {SYS_rmdir, "rmdir", -1}, {SYS_mkdir, "mkdir", -1}, {SYS_mkdirat, "mkdirat", -1}, {SYS_symlink, "symlink", -1},
  {SYS_symlinkat, "symlinkat", -1}, {SYS_mknod, "mknod", -1}, {SYS_mknodat, "mknodat", -1},
  {SYS_truncate, "truncate", -1}, {SYS_chmod, "chmod", -1}, {SYS_fchmodat, "fchmodat", -1}, {452, "fchmodat2", -1},
  {SYS_chown, "chown", -1}, {SYS_lchown, "lchown", -1}, {SYS_fchownat, "fchownat", -1},
  {SYS_utimensat, "utimensat", -1}, {SYS_setxattr, "setxattr", -1}, {SYS_lsetxattr, "lsetxattr", -1},
  {SYS_removexattr, "removexattr", -1}, {SYS_lremovexattr, "lremovexattr", -1}, {SYS_creat, "creat", -1},
};

static const char *counted(long number, const long *a) {
  if (number == SYS_open) return MAKES(a[1]) ? "openat" : NULL;
  if (number == SYS_openat) return MAKES(a[2]) ? "openat" : NULL;
  if (number == SYS_openat2) return MAKES(((const unsigned long *)a[2])[0]) ? "openat2" : NULL;
  for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++)
    if (NUMBERS[i].number == number)
      return NUMBERS[i].fd < 0 || ordinary((int)a[NUMBERS[i].fd]) ? NUMBERS[i].name : NULL;
  return NULL;
}

long syscall(long number, ...) {
  static long (*real)(long, ...);
  if (real == NULL) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  long a[6];
  va_list ap;
  va_start(ap, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(ap, long);
  va_end(ap);
  const char *name = counted(number, a);
  long n = name != NULL ? enter(name, "by number", 0) : 0;
  long r = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  leave(n);
  return r;
}
