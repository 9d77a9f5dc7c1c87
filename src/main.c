/* SPDX-License-Identifier: BSD-2-Clause */
/* Parse, build the machine, run, exit code. */
#include "control/control.h"

int main(int argc, char **argv)
{
	return control_main(argc, argv);
}
