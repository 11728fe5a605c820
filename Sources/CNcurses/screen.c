#include "include/shim.h"

#include <wchar.h>

static SCREEN *screen;

bool pico_screen_open(const char *name) {
  screen = newterm(name, stdout, stdin);
  if (screen == NULL) return false;
  set_term(screen);
  cbreak();
  noecho();
  nonl();
  intrflush(stdscr, FALSE);
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  meta(stdscr, TRUE);
  set_escdelay(25);
  leaveok(stdscr, FALSE);
  if (has_colors()) {
    start_color();
    use_default_colors();
  }
  return true;
}

void pico_screen_close(void) {
  if (screen == NULL) return;
  endwin();
}

void pico_screen_put(int row, int column, const uint32_t *text, uint32_t attributes, int pair) {
  attr_t curses = A_NORMAL;
  if (attributes & PICO_BOLD) curses |= A_BOLD;
  if (attributes & PICO_DIM) curses |= A_DIM;
  if (attributes & PICO_UNDERLINE) curses |= A_UNDERLINE;
  if (attributes & PICO_REVERSE) curses |= A_REVERSE;
  cchar_t cell;
  // Pairs above a short's range go by the last argument.
  if (setcchar(&cell, (const wchar_t *)text, curses, 0, &pair) != OK) setcchar(&cell, L"?", curses, 0, &pair);
  mvadd_wch(row, column, &cell);
}

void pico_screen_define_pair(int pair, int foreground, int background) { init_extended_pair(pair, foreground, background); }

int pico_screen_pairs(void) { return COLOR_PAIRS; }

void pico_screen_resize(int rows, int columns) { resizeterm(rows, columns); }

void pico_screen_forget(void) { clearok(curscr, TRUE); }

void pico_screen_show(int row, int column) {
  curs_set(row < 0 ? 0 : 1);
  if (row >= 0) move(row, column);
  refresh();
}

void pico_screen_erase(void) { erase(); }

int pico_screen_read(uint32_t *value) {
  wint_t character = 0;
  int kind = get_wch(&character);
  *value = (uint32_t)character;
  return kind;
}

void pico_screen_define_key(const char *text, int key) { define_key(text, key); }
