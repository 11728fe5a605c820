#include "include/shim.h"

#include <string.h>
// After everything else: it makes macros of plain words.
#include <term.h>

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
