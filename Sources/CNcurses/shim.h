#pragma once
// The wide-character part of ncurses, with functions in place of its macros, which Swift does not see.
#define _XOPEN_SOURCE_EXTENDED 1
#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <curses.h>
