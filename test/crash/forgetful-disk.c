/*
 * A disk that forgets: preloaded into a process (LD_PRELOAD), it keeps beside the folder FORGETFUL_ROOT a second state of it in
 * FORGETFUL_SHADOW, which holds only what was synced. After a kill -9 that state is the worst that a power loss may leave:
 *   - octets written, truncated or allocated count from the next fsync or fdatasync of their file on,
 *   - names made, changed or removed count from the next fsync of their directory on.
 * SHADOW/<id> holds the synced octets of a file; SHADOW/names says after each sync of a directory which names it has:
 *   D <directory, relative>   then   <id> <name>   for each entry ("0" for a directory)   then   .
 * forgetful-disk.ts puts the folder together again. Linux, glibc. Threads are serialised by one lock.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FDS 65536
#define BUCKETS 4096

typedef struct range { off_t from, to; struct range *next; } range;
typedef struct file { dev_t dev; ino_t ino; long id; range *dirty; struct file *next; } file;
typedef struct name { char *path; long id; struct name *next; } name;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX], shadow[PATH_MAX];
static int active;
static long last_id;
static file *files[BUCKETS];
static name *names;
static file *open_files[MAX_FDS];

#define REAL(type, symbol, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, symbol)

static int real_open(const char *path, int flags, mode_t mode) {
  REAL(int, "open", const char *, int, ...);
  return real(path, flags, mode);
}
static int real_close(int fd) { REAL(int, "close", int); return real(fd); }
static ssize_t real_write(int fd, const void *data, size_t n) {
  REAL(ssize_t, "write", int, const void *, size_t);
  return real(fd, data, n);
}
static ssize_t real_pwrite(int fd, const void *data, size_t n, off_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
  return real(fd, data, n, at);
}
static int real_ftruncate(int fd, off_t size) { REAL(int, "ftruncate64", int, off_t); return real(fd, size); }

static void fail(const char *what) {
  fprintf(stderr, "forgetful-disk: %s: %s\n", what, strerror(errno));
  abort();
}

static const char *inside(const char *path) {
  size_t n = strlen(root);
  if (strncmp(path, root, n) != 0) return NULL;
  if (path[n] == 0) return "";
  return path[n] == '/' ? path + n + 1 : NULL;
}

/* The absolute path of a name that may not exist. */
static int absolute(int dirfd, const char *path, char *out) {
  char folder[PATH_MAX], joined[PATH_MAX * 2], copy[PATH_MAX * 2], link[64];
  if (path[0] == '/') snprintf(joined, sizeof joined, "%s", path);
  else {
    snprintf(link, sizeof link, dirfd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", dirfd);
    ssize_t n = readlink(link, folder, sizeof folder - 1);
    if (n < 0) return -1;
    folder[n] = 0;
    snprintf(joined, sizeof joined, "%s/%s", folder, path);
  }
  snprintf(copy, sizeof copy, "%s", joined);
  char *slash = strrchr(copy, '/');
  if (!slash) return -1;
  *slash = 0;
  char real_folder[PATH_MAX];
  if (!realpath(copy[0] ? copy : "/", real_folder)) return -1;
  return snprintf(out, PATH_MAX, "%s/%s", real_folder, slash + 1) < PATH_MAX ? 0 : -1;
}

static file *file_of(const struct stat *s) {
  for (file *f = files[s->st_ino % BUCKETS]; f; f = f->next)
    if (f->ino == s->st_ino && f->dev == s->st_dev) return f;
  return NULL;
}

static file *new_file(const struct stat *s) {
  file *f = file_of(s);
  if (!f) {
    f = calloc(1, sizeof *f);
    f->dev = s->st_dev;
    f->ino = s->st_ino;
    f->next = files[s->st_ino % BUCKETS];
    files[s->st_ino % BUCKETS] = f;
  }
  f->id = ++last_id;
  f->dirty = NULL;
  char path[PATH_MAX * 2];
  snprintf(path, sizeof path, "%s/%ld", shadow, f->id);
  int fd = real_open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  if (fd < 0) fail("shadow file");
  real_close(fd);
  return f;
}

static void set_name(const char *relative, long id) {
  for (name *n = names; n; n = n->next)
    if (strcmp(n->path, relative) == 0) { n->id = id; return; }
  name *n = malloc(sizeof *n);
  n->path = strdup(relative);
  n->id = id;
  n->next = names;
  names = n;
}

static long drop_name(const char *relative) {
  for (name **at = &names; *at; at = &(*at)->next)
    if (strcmp((*at)->path, relative) == 0) {
      name *gone = *at;
      long id = gone->id;
      *at = gone->next;
      free(gone->path);
      free(gone);
      return id;
    }
  return -1;
}

static void mark(int fd, off_t from, off_t to) {
  if (fd < 0 || fd >= MAX_FDS || !open_files[fd] || to <= from) return;
  file *f = open_files[fd];
  for (range *r = f->dirty; r; r = r->next)
    if (from <= r->to && to >= r->from) {
      if (from < r->from) r->from = from;
      if (to > r->to) r->to = to;
      return;
    }
  range *r = malloc(sizeof *r);
  r->from = from;
  r->to = to;
  r->next = f->dirty;
  f->dirty = r;
}

/* What was written since the last sync becomes what a power loss leaves. */
static void keep(int fd) {
  file *f = open_files[fd];
  char path[PATH_MAX * 2];
  static char octets[1 << 16];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int from = real_open(path, O_RDONLY, 0);
  snprintf(path, sizeof path, "%s/%ld", shadow, f->id);
  int to = real_open(path, O_WRONLY, 0);
  struct stat s;
  if (from < 0 || to < 0 || fstat(fd, &s) < 0) fail("sync");
  for (range *r = f->dirty; r;) {
    for (off_t at = r->from; at < r->to;) {
      size_t want = r->to - at < (off_t)sizeof octets ? (size_t)(r->to - at) : sizeof octets;
      ssize_t n = pread(from, octets, want, at);
      if (n <= 0) break;
      if (real_pwrite(to, octets, n, at) != n) fail("shadow write");
      at += n;
    }
    range *next = r->next;
    free(r);
    r = next;
  }
  f->dirty = NULL;
  if (real_ftruncate(to, s.st_size) < 0) fail("shadow size");
  real_close(from);
  real_close(to);
}

static void keep_names(const char *relative) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  size_t n = strlen(relative);
  fprintf(out, "D %s\n", relative);
  for (name *one = names; one; one = one->next) {
    const char *rest = one->path;
    if (n > 0) {
      if (strncmp(rest, relative, n) != 0 || rest[n] != '/') continue;
      rest += n + 1;
    }
    if (!strchr(rest, '/')) fprintf(out, "%ld %s\n", one->id, rest);
  }
  fputs(".\n", out);
  fclose(out);
  char path[PATH_MAX * 2];
  snprintf(path, sizeof path, "%s/names", shadow);
  int fd = real_open(path, O_CREAT | O_APPEND | O_WRONLY, 0600);
  if (fd < 0 || real_write(fd, text, size) != (ssize_t)size) fail("names");
  real_close(fd);
  free(text);
}

/* What is there at the start is on the disk. */
static void scan(const char *folder) {
  DIR *dir = opendir(folder);
  if (!dir) return;
  for (struct dirent *e; (e = readdir(dir));) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    char path[PATH_MAX];
    struct stat s;
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    if (lstat(path, &s) < 0) continue;
    if (S_ISDIR(s.st_mode)) {
      set_name(inside(path), 0);
      scan(path);
    } else if (S_ISREG(s.st_mode)) {
      set_name(inside(path), new_file(&s)->id);
      int fd = real_open(path, O_RDONLY, 0);
      if (fd < 0 || fd >= MAX_FDS) fail("scan");
      open_files[fd] = file_of(&s);
      mark(fd, 0, s.st_size);
      keep(fd);
      open_files[fd] = NULL;
      real_close(fd);
    }
  }
  closedir(dir);
  keep_names(inside(folder));
}

__attribute__((constructor)) static void begin(void) {
  const char *given = getenv("FORGETFUL_ROOT"), *beside = getenv("FORGETFUL_SHADOW");
  char self[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  if (!given || !beside || n < 0) return;
  self[n] = 0;
  const char *program = strrchr(self, '/');
  if (!program || strcmp(program, "/node") != 0 || !realpath(given, root)) return;
  snprintf(shadow, sizeof shadow, "%s", beside);
  mkdir(shadow, 0700);
  char path[PATH_MAX * 2];
  snprintf(path, sizeof path, "%s/names", shadow);
  unlink(path);
  scan(root);
  active = 1;
}

static void opened(int fd, const char *path, int is_new) {
  struct stat s;
  if (fd < 0 || fd >= MAX_FDS || fstat(fd, &s) < 0 || !S_ISREG(s.st_mode)) return;
  const char *relative = inside(path);
  if (!relative) return;
  file *f = is_new ? NULL : file_of(&s);
  if (!f) {
    f = new_file(&s);
    set_name(relative, f->id);
  }
  open_files[fd] = f;
}

static int open_any(int dirfd, const char *path, int flags, mode_t mode) {
  REAL(int, "openat64", int, const char *, int, ...);
  if (!active) return real(dirfd, path, flags, mode);
  char full[PATH_MAX];
  pthread_mutex_lock(&lock);
  int ours = absolute(dirfd, path, full) == 0 && inside(full);
  int is_new = ours && (flags & O_CREAT) && access(full, F_OK) < 0;
  int fd = real(dirfd, path, flags, mode);
  int saved = errno;
  if (fd >= 0 && fd < MAX_FDS) open_files[fd] = NULL;
  if (ours) opened(fd, full, is_new);
  pthread_mutex_unlock(&lock);
  errno = saved;
  return fd;
}

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { va_list a; va_start(a, flags); mode = va_arg(a, mode_t); va_end(a); }
int open(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int openat(int dirfd, const char *path, int flags, ...) { MODE(flags) return open_any(dirfd, path, flags, mode); }
int openat64(int dirfd, const char *path, int flags, ...) { MODE(flags) return open_any(dirfd, path, flags, mode); }

int close(int fd) {
  if (active && fd >= 0 && fd < MAX_FDS) {
    pthread_mutex_lock(&lock);
    open_files[fd] = NULL;
    pthread_mutex_unlock(&lock);
  }
  return real_close(fd);
}

/* Writing and noting it is one step: a sync of another thread must not fall between them. */
#define WRITTEN(call, start) \
  if (!active || fd < 0 || fd >= MAX_FDS || !open_files[fd]) return call; \
  pthread_mutex_lock(&lock); \
  off_t at = (start); \
  ssize_t n = call; \
  int saved = errno; \
  if (n > 0) mark(fd, at, at + n); \
  pthread_mutex_unlock(&lock); \
  errno = saved; \
  return n

static off_t position(int fd) {
  if (fcntl(fd, F_GETFL) & O_APPEND) { struct stat s; return fstat(fd, &s) < 0 ? 0 : s.st_size; }
  off_t at = lseek(fd, 0, SEEK_CUR);
  return at < 0 ? 0 : at;
}

ssize_t write(int fd, const void *data, size_t size) { WRITTEN(real_write(fd, data, size), position(fd)); }
ssize_t pwrite64(int fd, const void *data, size_t size, off_t to) { WRITTEN(real_pwrite(fd, data, size, to), to); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t to) { WRITTEN(real_pwrite(fd, data, size, to), to); }
ssize_t writev(int fd, const struct iovec *v, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  WRITTEN(real(fd, v, count), position(fd));
}
ssize_t pwritev64(int fd, const struct iovec *v, int count, off_t to) {
  REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off_t);
  WRITTEN(real(fd, v, count, to), to);
}
ssize_t pwritev(int fd, const struct iovec *v, int count, off_t to) { return pwritev64(fd, v, count, to); }

int fallocate64(int fd, int mode, off_t from, off_t length) {
  REAL(int, "fallocate64", int, int, off_t, off_t);
  if (!active) return real(fd, mode, from, length);
  pthread_mutex_lock(&lock);
  int result = real(fd, mode, from, length);
  int saved = errno;
  if (result == 0) mark(fd, from, from + length);
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}
int fallocate(int fd, int mode, off_t from, off_t length) { return fallocate64(fd, mode, from, length); }

static int synced(int fd, int (*real)(int)) {
  if (!active) return real(fd);
  pthread_mutex_lock(&lock);
  int result = real(fd);
  int saved = errno;
  struct stat s;
  if (result == 0 && fd >= 0 && fd < MAX_FDS) {
    if (open_files[fd]) keep(fd);
    else if (fstat(fd, &s) == 0 && S_ISDIR(s.st_mode)) {
      char link[64], path[PATH_MAX];
      snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
      ssize_t n = readlink(link, path, sizeof path - 1);
      if (n > 0) {
        path[n] = 0;
        if (inside(path)) keep_names(inside(path));
      }
    }
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}
int fsync(int fd) { REAL(int, "fsync", int); return synced(fd, real); }
int fdatasync(int fd) { REAL(int, "fdatasync", int); return synced(fd, real); }

static int renamed(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
  REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
  if (!active) return real(from_dir, from, to_dir, to, flags);
  char old[PATH_MAX], new[PATH_MAX];
  pthread_mutex_lock(&lock);
  int known = absolute(from_dir, from, old) == 0 && absolute(to_dir, to, new) == 0;
  int result = real(from_dir, from, to_dir, to, flags);
  int saved = errno;
  if (result == 0 && known && inside(old)) {
    long id = drop_name(inside(old));
    if (inside(new) && id >= 0) set_name(inside(new), id);
  }
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return renamed(a, from, b, to, 0); }

static int linked(int from_dir, const char *from, int to_dir, const char *to, int flags) {
  REAL(int, "linkat", int, const char *, int, const char *, int);
  char new[PATH_MAX];
  pthread_mutex_lock(&lock);
  int result = real(from_dir, from, to_dir, to, flags);
  int saved = errno;
  struct stat s;
  if (active && result == 0 && absolute(to_dir, to, new) == 0 && inside(new) && stat(new, &s) == 0)
    set_name(inside(new), file_of(&s) ? file_of(&s)->id : new_file(&s)->id);
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}
int link(const char *from, const char *to) { return linked(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return linked(a, from, b, to, flags); }

static int removed(int dirfd, const char *path, int flags) {
  REAL(int, "unlinkat", int, const char *, int);
  char full[PATH_MAX];
  pthread_mutex_lock(&lock);
  int known = active && absolute(dirfd, path, full) == 0;
  int result = real(dirfd, path, flags);
  int saved = errno;
  if (result == 0 && known && inside(full)) drop_name(inside(full));
  pthread_mutex_unlock(&lock);
  errno = saved;
  return result;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int dirfd, const char *path, int flags) { return removed(dirfd, path, flags); }

int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  int result = real(path, mode);
  int saved = errno;
  char full[PATH_MAX];
  if (active && result == 0) {
    pthread_mutex_lock(&lock);
    if (absolute(AT_FDCWD, path, full) == 0 && inside(full)) set_name(inside(full), 0);
    pthread_mutex_unlock(&lock);
  }
  errno = saved;
  return result;
}
