/* SPDX-License-Identifier: BSD-2-Clause */
/* Parse, build the machine, run, exit code. */
int control_main(int argc, char **argv);

int main(int argc, char **argv)
{
	return control_main(argc, argv);
}
