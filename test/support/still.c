/*
 * Takes chance out of its process: randomness comes from a seed, inodes and change times tell nothing,
 * and the root folder that the core saves from is one of the test's own.
 *
 * HOLDALL_STILL names a file of 16 bytes, made by the test and mapped here: a seed, and how many words
 * were drawn since it was set. HOLDALL_STILL_ROOT is what an open of `/` by the core gives.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static struct { uint64_t seed; atomic_ulong drawn; } *chance;
static const char *root;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("HOLDALL_STILL");
  if (path == NULL) return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) { perror("still"); _exit(99); }
  close(fd);
  root = getenv("HOLDALL_STILL_ROOT");
  chance = map;
}

/* SplitMix64 of the seed and the word's number. */
static uint64_t word(void) {
  uint64_t x = chance->seed + (atomic_fetch_add(&chance->drawn, 1) + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/* What asks with flags wants keys of hash maps: those are alike, and draw nothing. */
static ssize_t draw(void *out, size_t length, unsigned flags) {
  if (flags != 0) { memset(out, 0x55, length); return length; }
  for (size_t at = 0; at < length; at += 8) {
    uint64_t w = word();
    memcpy((char *)out + at, &w, length - at < 8 ? length - at : 8);
  }
  return length;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t getrandom(void *out, size_t length, unsigned flags) {
  REAL(getrandom);
  return chance == NULL ? real(out, length, flags) : draw(out, length, flags);
}

long syscall(long number, ...) {
  REAL(syscall);
  va_list ap;
  va_start(ap, number);
  long a[6];
  for (int i = 0; i < 6; i++) a[i] = va_arg(ap, long);
  va_end(ap);
  if (chance != NULL && number == SYS_getrandom) return draw((void *)a[0], a[1], (unsigned)a[2]);
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int openat(int dir, const char *path, int flags, ...) {
  REAL(openat);
  va_list ap;
  va_start(ap, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
  va_end(ap);
  int ours = chance != NULL && root != NULL && dir == AT_FDCWD && strcmp(path, "/") == 0;
  return real(dir, ours ? root : path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...) {
  va_list ap;
  va_start(ap, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
  va_end(ap);
  return openat(dir, path, flags, mode);
}

int statx(int dir, const char *restrict path, int flags, unsigned mask, struct statx *restrict x) {
  REAL(statx);
  int r = real(dir, path, flags, mask, x);
  if (r != 0 || chance == NULL) return r;
  memset(&x->stx_ctime, 0, sizeof x->stx_ctime);
  x->stx_ino = 1;
  x->stx_blocks = (x->stx_size + 511) / 512;
  if (S_ISDIR(x->stx_mode)) {
    memset(&x->stx_mtime, 0, sizeof x->stx_mtime);
    x->stx_size = x->stx_blocks = x->stx_nlink = 0;
  }
  return r;
}
