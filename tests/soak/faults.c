/* A library to preload: makes the file operations of a program in one folder fail, kills it at one of them,
 * or cuts the power.
 *
 *   FAULT_FOLDER   the folder, as an absolute path
 *   FAULT_KEPT     another one, of the same file system, for what a power cut brings back
 *   FAULT_AT       at which operation, counted from 1; 0: at none
 *   FAULT_ERROR    the errno that it and all later ones fail with; -1: the program is killed before it; 0:
 * the power is cut, and the program ends with status 99 and the folder as a disk may be found then: a file
 *                  has lost what was written since its last fsync, a folder the names given since its last
 * fsync FAULT_COUNT    a file to write the number of operations to when the program ends by itself
 *
 * Operations are write, fsync, rename, link and opening to write. Names that were removed stay removed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))
#define NAMES 256
#define FILES 4096

static long operations;

/* Names given since their folder's last fsync, the latest last, each with a link to the file that had it
 * before. */
static struct { char path[PATH_MAX], before[PATH_MAX]; /* before: "" if there was none */ } names[NAMES];
static int name_count;

/* Files opened to write, by a descriptor of our own, which outlives the program's. */
static struct {
  int own;
  ino_t inode;
  off_t synced; /* bytes */
} files[FILES];
static int file_count;

static long number(const char* variable) {
  const char* text = getenv(variable);
  return text ? atol(text) : 0;
}

static void give_up(const char* why) {
  fprintf(stderr, "faults.c: %s\n", why);
  _exit(98);
}

/* The absolute path of a descriptor, or of a name whose folder exists, if it is in FAULT_FOLDER. */
static bool in_folder(int descriptor, const char* name, char path[PATH_MAX]) {
  const char* folder = getenv("FAULT_FOLDER");
  char copy[PATH_MAX];
  if (!folder) return false;
  if (name) {
    snprintf(copy, sizeof copy, "%s%s", strchr(name, '/') ? "" : "./", name);
    char* last = strrchr(copy, '/');
    char file[NAME_MAX + 2];
    snprintf(file, sizeof file, "%s", last);
    *last = '\0';
    if (!realpath(*copy ? copy : "/", path)) return false;
    strncat(path, file, PATH_MAX - strlen(path) - 1);
  } else {
    snprintf(copy, sizeof copy, "/proc/self/fd/%d", descriptor);
    const ssize_t length = readlink(copy, path, PATH_MAX - 1);
    if (length < 0) return false;
    path[length] = '\0';
  }
  return strncmp(path, folder, strlen(folder)) == 0;
}

static void cut_power(void) {
  for (int i = 0; i < file_count; ++i) {
    struct stat status;
    if (fstat(files[i].own, &status) == 0 && status.st_size > files[i].synced &&
        ftruncate(files[i].own, files[i].synced) != 0) {
      give_up("a file cannot be cut");
    }
  }
  while (name_count-- > 0) {
    if (*names[name_count].before) {
      REAL(rename)(names[name_count].before, names[name_count].path);
    } else {
      unlink(names[name_count].path);
    }
  }
  _exit(99);
}

/* Whether this operation fails. */
static bool fails(void) {
  const long at = number("FAULT_AT");
  if (++operations < at || at == 0) return false;
  errno = (int)number("FAULT_ERROR");
  if (errno == 0) cut_power();
  if (errno == -1) kill(getpid(), SIGKILL);
  return true;
}

/* Keeps what a name stands for now, before it is given to another file. */
static void remember(const char* path) {
  if (name_count == NAMES) give_up("too many names between two fsync of a folder");
  snprintf(names[name_count].path, PATH_MAX, "%s", path);
  snprintf(names[name_count].before, PATH_MAX, "%s/%ld", getenv("FAULT_KEPT"), operations);
  if (REAL(linkat)(AT_FDCWD, path, AT_FDCWD, names[name_count].before, 0) != 0)
    *names[name_count].before = '\0';
  ++name_count;
}

int open(const char* name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  char path[PATH_MAX];
  const bool counts = flags & O_CREAT && in_folder(0, name, path);
  if (counts && fails()) return -1;
  const int descriptor = REAL(open)(name, flags, mode);
  if (!counts || descriptor < 0) return descriptor;
  if (file_count == FILES) give_up("too many files");
  struct stat status;
  fstat(descriptor, &status);
  files[file_count].own = REAL(open)(path, O_WRONLY | O_CLOEXEC);
  files[file_count].inode = status.st_ino;
  files[file_count++].synced = status.st_size;
  return descriptor;
}

int open64(const char* name, int flags, ...) __attribute__((alias("open"))); /* as Python calls it */

ssize_t write(int descriptor, const void* bytes, size_t size) {
  char path[PATH_MAX];
  if (in_folder(descriptor, NULL, path) && fails()) return -1;
  return REAL(write)(descriptor, bytes, size);
}

int fsync(int descriptor) {
  char path[PATH_MAX];
  if (!in_folder(descriptor, NULL, path)) return REAL(fsync)(descriptor);
  if (fails()) return -1;
  struct stat status;
  fstat(descriptor, &status);
  for (int i = 0; i < file_count; ++i) {
    if (files[i].inode == status.st_ino) files[i].synced = status.st_size;
  }
  for (int i = 0; S_ISDIR(status.st_mode) && i < name_count;) {
    const size_t length = strlen(path);
    if (strncmp(names[i].path, path, length) == 0 && !strchr(names[i].path + length + 1, '/')) {
      memmove(&names[i], &names[i + 1], (size_t)(--name_count - i) * sizeof names[0]);
    } else {
      ++i;
    }
  }
  return 0; /* the real one only takes time */
}

int rename(const char* from, const char* to) {
  char path[PATH_MAX];
  if (in_folder(0, to, path)) {
    if (fails()) return -1;
    remember(path);
  }
  return REAL(rename)(from, to);
}

int linkat(int from_folder, const char* from, int to_folder, const char* to, int flags) {
  char path[PATH_MAX];
  if (in_folder(0, to, path)) {
    if (fails()) return -1;
    remember(path);
  }
  return REAL(linkat)(from_folder, from, to_folder, to, flags);
}

__attribute__((destructor)) static void tell_count(void) {
  FILE* file = getenv("FAULT_COUNT") ? fopen(getenv("FAULT_COUNT"), "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", operations);
  fclose(file);
}
