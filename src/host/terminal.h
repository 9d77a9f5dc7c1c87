/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to host/: the terminal's modes and the signals that end the program. */
#ifndef HOST_TERMINAL_H
#define HOST_TERMINAL_H

#include "base/types.h"

/* If fd is a terminal: raw from here on, restored at exit and by every signal that ends us. `signals`: Ctrl-C still
 * makes one. */
void terminal_raw(int fd, bool signals);
void terminal_input(void); /* before it is read: raw again, where a shell brought us back without a signal */
void terminal_die_of(int signal_number); /* async-signal-safe: restores it, then the signal's own end */
/* Readable once a signal has asked for a graceful end; -1: such signals end the program themselves. */
int quit_signals_fd(void);
/* mapped.c: SIGBUS says which file is at fault, or is a crash as others. */
void mapped_hook(void);

#endif
