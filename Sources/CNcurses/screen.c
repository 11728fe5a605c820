#include "include/shim.h"

#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <wchar.h>

static SCREEN *screen;

bool pico_abilities_of(const char *name, struct pico_abilities *abilities) {
  int problem = 0;
  TERMINAL *before = cur_term;
  if (setupterm(name, 1, &problem) != OK) return false;
  int colours = tigetnum("colors");
  abilities->colours = colours < 0 ? 0 : colours;
  abilities->erases_background = tigetflag("bce") == 1;
  const char *direct = tigetstr("Tc");
  abilities->has_direct_colour = tigetflag("RGB") == 1 || tigetflag("Tc") == 1 || (direct != NULL && direct != (char *)-1);
  const char *cursor = tigetstr("cup");
  abilities->has_cursor_addressing = cursor != NULL && cursor != (char *)-1;
  TERMINAL *mine = cur_term;
  set_curterm(before);
  del_curterm(mine);
  return true;
}

const char *pico_terminal_text(const char *capability) {
  static char text[64];
  const char *from = tigetstr((char *)capability);
  size_t count = 0;
  if (from == NULL || from == (char *)-1) from = "";
  while (*from != 0 && count + 1 < sizeof text) {
    if (from[0] == '$' && from[1] == '<') {
      const char *end = strchr(from, '>');
      if (end == NULL) break;
      from = end + 1;
    } else {
      text[count++] = *from++;
    }
  }
  text[count] = 0;
  return text;
}

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

void pico_screen_put(int row, int column, const wchar_t *text, uint32_t attributes, int pair) {
  attr_t curses = A_NORMAL;
  if (attributes & PICO_BOLD) curses |= A_BOLD;
  if (attributes & PICO_DIM) curses |= A_DIM;
  if (attributes & PICO_UNDERLINE) curses |= A_UNDERLINE;
  if (attributes & PICO_REVERSE) curses |= A_REVERSE;
  cchar_t cell;
  // Pairs above a short's range go by the last argument.
  if (setcchar(&cell, text, curses, 0, &pair) != OK) setcchar(&cell, L"?", curses, 0, &pair);
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
