#pragma once
// The wide-character part of ncurses, with functions in place of its macros, which Swift does not see, and the few calls of the system that
// a full-screen program needs and Swift does not see either.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#define _XOPEN_SOURCE_EXTENDED 1
#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <curses.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

// MARK: What terminfo says

/// What a terminal can do, of what decides how we use it.
struct pico_abilities {
  /// 0 for none, 1 << 24 for direct colour.
  int colours;
  /// Erasing leaves the current background.
  bool erases_background;
  /// It says that it takes 24-bit colours, by RGB or by Tc.
  bool has_direct_colour;
  /// The cursor can be put anywhere.
  bool has_cursor_addressing;
};

/// False when the database has no such name.
bool pico_abilities_of(const char *name, struct pico_abilities *abilities);

/// A text that takes no parameters, such as `rmcup`, without padding; "" when the terminal in use has none. Valid until the next call.
const char *pico_terminal_text(const char *capability);

// MARK: The screen

/// Whether `name` can be used; full screen, no echo, keys as they come, no waiting for input. A second call needs pico_screen_close first.
bool pico_screen_open(const char *name);
/// The terminal is as it was before.
void pico_screen_close(void);
/// Puts one grapheme into a cell: up to 5 scalars and a zero. A pair of 0 is the terminal's own colours.
void pico_screen_put(int row, int column, const uint32_t *text, uint32_t attributes, int pair);
/// Colours are numbers of the terminal; -1 is its own.
void pico_screen_define_pair(int pair, int foreground, int background);
/// How many pairs there are.
int pico_screen_pairs(void);
void pico_screen_resize(int rows, int columns);
/// The next time everything is drawn, whatever the screen has now.
void pico_screen_forget(void);
/// Draws what changed. A row below 0 hides the cursor.
void pico_screen_show(int row, int column);
/// All blank.
void pico_screen_erase(void);

enum pico_attributes { PICO_BOLD = 1, PICO_DIM = 2, PICO_UNDERLINE = 4, PICO_REVERSE = 8 };

/// The next piece of input: OK with a scalar, KEY_CODE_YES with a key, ERR when there is none.
int pico_screen_read(uint32_t *value);
/// A text from the terminal becomes a key of that number.
void pico_screen_define_key(const char *text, int key);

// MARK: The system

/// A descriptor from which blocked signals are read, -1 on failure.
int pico_signal_descriptor(const sigset_t *signals);
/// The number of a signal that came, 0 for none.
int pico_signal_read(int descriptor);
/// A descriptor by which threads wake another one, -1 on failure.
int pico_wake_descriptor(void);
/// A file in memory, -1 on failure.
int pico_memory_file(const char *name);
/// How large the terminal is; false when it does not say.
bool pico_terminal_size(int descriptor, int *rows, int *columns);

// MARK: Crashes

/// From now on a crash first gives the terminal back: `restore` is written to it, its settings become `settings`. What was written to
/// `messages` instead of standard error, and what the runtime says about the crash, goes to `error`, the latter to the file at `path` too
/// (NULL for none). Everything is copied.
void pico_crash_arm(int terminal, const struct termios *settings, const char *restore, int messages, int error, const char *path);
/// A crash is again none of our business.
void pico_crash_disarm(void);
