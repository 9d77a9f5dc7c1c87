/* SPDX-License-Identifier: BSD-2-Clause */
/* The door of control/: the command line. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

int control_main(int argc, char **argv);

#endif
