#include "include/shim.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

// Everything that the handler needs is here beforehand: it may call nothing that takes a lock or memory (signal-safety(7)).

static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT, SIGSYS};
enum { fatal_count = sizeof fatal / sizeof fatal[0] };

static struct sigaction before[fatal_count];
static atomic_bool is_armed;
static int terminal_descriptor, messages_descriptor, error_descriptor;
static struct termios terminal_settings;
static char restore_text[512];
static char crash_path[1024];

static void write_all(int descriptor, const char *text, size_t count) {
  while (count > 0) {
    ssize_t written = write(descriptor, text, count);
    if (written <= 0) return;
    text += written;
    count -= (size_t)written;
  }
}

static void say(const char *text) { write_all(error_descriptor, text, strlen(text)); }

/// What was said while the screen was full now has a place to go.
static void copy_messages(void) {
  char buffer[512];
  off_t offset = 0;
  ssize_t count;
  while ((count = pread(messages_descriptor, buffer, sizeof buffer, offset)) > 0) {
    write_all(error_descriptor, buffer, (size_t)count);
    offset += count;
  }
}

static void crashed(int number) {
  for (int index = 0; index < fatal_count; index++) sigaction(fatal[index], &before[index], NULL);
  if (atomic_exchange(&is_armed, false)) {
    write_all(terminal_descriptor, restore_text, strlen(restore_text));
    tcsetattr(terminal_descriptor, TCSANOW, &terminal_settings);
    copy_messages();
    char digits[] = {(char)('0' + number / 10), (char)('0' + number % 10), 0};
    say("pico-top: crashed with signal ");
    say(number < 10 ? digits + 1 : digits);
    int file = crash_path[0] == 0 ? -1 : open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file >= 0) {
      // What the runtime finds out goes there, not over the prompt.
      say("; what is known about it is in ");
      say(crash_path);
      dup2(file, STDERR_FILENO);
      dup2(file, STDOUT_FILENO);
      int shown = error_descriptor;
      error_descriptor = file;
      copy_messages();
      error_descriptor = shown;
    } else {
      dup2(error_descriptor, STDERR_FILENO);
    }
    say("\n");
  }
  // The instruction at fault runs again and meets the handler that was there before; what was sent is sent again.
  raise(number);
}

void pico_crash_arm(int terminal, const struct termios *settings, const char *restore, int messages, int error, const char *path) {
  terminal_descriptor = terminal;
  terminal_settings = *settings;
  strncpy(restore_text, restore, sizeof restore_text - 1);
  messages_descriptor = messages;
  error_descriptor = error;
  crash_path[0] = 0;
  if (path != NULL && strlen(path) < sizeof crash_path) strcpy(crash_path, path);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = crashed;
  action.sa_flags = SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (int index = 0; index < fatal_count; index++) sigaction(fatal[index], &action, &before[index]);
  atomic_store(&is_armed, true);
}

void pico_crash_disarm(void) {
  if (!atomic_exchange(&is_armed, false)) return;
  for (int index = 0; index < fatal_count; index++) sigaction(fatal[index], &before[index], NULL);
}
