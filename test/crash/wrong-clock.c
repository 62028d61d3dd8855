/*
 * LD_PRELOAD: a wall clock that is wrong by as much as a file says, from one call to the next: so a test can start a server
 * in 1970 or 2099, and step its clock while it runs. Monotonic time, timers and the time of files stay as they are.
 *
 * WRONG_CLOCK names the file: eight octets, the seconds to be added, in the machine's own order. Linux, glibc.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t none, *ahead = &none;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("WRONG_CLOCK");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *shared = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) abort();
  ahead = shared;
  close(fd);
}

#define REAL(type, symbol, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, symbol)

int clock_gettime(clockid_t clock, struct timespec *at) {
  REAL(int, "clock_gettime", clockid_t, struct timespec *);
  int result = real(clock, at);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += *ahead;
  return result;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  REAL(int, "gettimeofday", struct timeval *, void *);
  int result = real(at, zone);
  if (result == 0) at->tv_sec += *ahead;
  return result;
}

time_t time(time_t *at) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) < 0) return -1;
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
