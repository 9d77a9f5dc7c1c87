/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to host/: struct chardev, shared by chardev.c (bytes) and chardev_open.c (what is behind). */
#ifndef HOST_CHARDEV_PRIVATE_H
#define HOST_CHARDEV_PRIVATE_H

#include <fcntl.h>
#include <pthread.h>

#include "host/host.h"

#define CHARDEV_INPUT_BYTES 4096
#define CHARDEV_OUTPUT_BYTES_MAX (16 * MiB)

enum out_kind { OUT_NONE, OUT_NONBLOCK, OUT_SOCKET, OUT_FILE, OUT_POLLED };

struct chardev {
	struct loop *loop;
	void (*quit)(void *opaque);
	void *quit_opaque;
	/* what is behind: under the machine lock */
	bool is_stdio, is_terminal, mux;
	int in_fd, listen_fd, slave_fd; /* -1: none */
	char *socket_path;              /* unlinked at close */
	char pty[128];                  /* "pty:" and the name of the other side; empty: no pseudo-terminal */
	/* input, under the machine lock */
	size_t (*can_take)(void *opaque);
	void (*take)(void *opaque, const u8 *bytes, size_t size);
	void *opaque;
	u8 input[CHARDEV_INPUT_BYTES];
	size_t input_count;
	bool in_watched, in_escape, delivering;
	u8 escape;   /* the key that begins a command to us; 0: none */
	bool telnet; /* commands in the stream are taken out; fixed at open */
	u8 telnet_state;
	/* behind the escape key: who takes the input after Ctrl-A c */
	bool at_second;
	size_t (*can_take_second)(void *opaque);
	void (*take_second)(void *opaque, const u8 *bytes, size_t size);
	void (*turned)(void *opaque, bool to_second);
	void *second;
	void (*changed)(void *opaque, bool connected);
	void *changed_opaque;
	void (*drained)(void *opaque);
	void *drained_opaque;
	/* the test device: output is commands to us; under out_lock */
	void (*exit_with)(void *opaque, int code);
	u32 test_number;
	/* output, under out_lock (inside the machine lock) */
	pthread_mutex_t out_lock;
	enum out_kind out_kind;
	int out_fd, log_fd; /* log_fd: gets all that is written, whoever reads it; -1: none */
	u8 *out;
	size_t out_from, out_count, out_room;
	size_t out_max;
	u64 out_dropped;
	bool loss_told;
	bool out_armed;        /* watched, or about to be */
	unsigned out_deferred; /* arm requests on their way */
	bool closed;
};

/* A second descriptor of the same: no program that we start gets it, and no option takes it for one we were given. */
static inline int chardev_dup(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* Nothing is behind it yet. */
struct chardev *chardev_new(struct loop *loop);
/* out_lock held: bytes for the test device. */
void chardev_test_write(struct chardev *chardev, const u8 *bytes, size_t size);
/* Watches in_fd (or listen_fd) for input. */
void chardev_watch_input(struct chardev *chardev);
/* Machine lock held: a new connection in both directions; takes the descriptor. */
void chardev_attach_socket(struct chardev *chardev, int fd);
void chardev_set_output(struct chardev *chardev, int fd, enum out_kind kind);

#endif
