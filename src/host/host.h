/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of host/: what asks the host for something - files, disk images, character devices, worker threads, random
 * bytes. errno is turned into words here and goes no further.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <pthread.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/types.h"

/* --- file.c: whole files and positioned I/O --- */
/* Reads a whole regular file of at most `limit` bytes into malloc'd memory. */
bool file_read_all(const char *path, u64 limit, u8 **data, u64 *size, struct error *err);
/* Writes a file anew; a FIFO that nobody reads is an error, not a wait. */
bool file_write_all(const char *path, const void *data, size_t size, struct error *err);
/* The file has either what it had or all of this, whenever the process or the machine stops. */
bool file_replace(const char *path, const void *data, size_t size, struct error *err);
/* open() with words for the error: `what` names the option ("-kernel"). */
int file_open(const char *what, const char *path, bool write, bool create, struct error *err);
/* The value of a key: a descriptor that the program was started with, but for the standard ones. -1: told in err. */
int file_inherited(const char *key, const char *text, struct error *err);
bool file_size(int fd, u64 *size);
u64 file_size_of(const char *path); /* as its folder has it, without a look into it; 0: there is none */
void host_random(void *to, size_t size);
u64 host_realtime_s(void); /* seconds since 1970, for the RTC */

/* --- block.c: a disk of 512-byte sectors --- */
struct block;
struct iovec;
struct block_config {
	const char *id, *file, *format;     /* no format: by the file's name */
	const char *internal_snapshot;      /* the disk as this snapshot inside the image has it; readonly */
	const struct block_config *backing; /* the user's word for the image behind */
	bool allow_backing; /* a file that the image names is opened, if it is in or below the image's folder */
	bool no_backing;    /* what the image names is left out */
	bool readonly, snapshot, discard;
	bool no_flush; /* cache=unsafe: the host keeps what it likes */
};
struct block *block_open(const struct block_config *config, struct error *err);
void block_close(struct block *block);
u64 block_size(const struct block *block);      /* bytes */
u64 block_file_size(const struct block *block); /* of the file that the image is in */
bool block_is_readonly(const struct block *block);
const char *block_path(const struct block *block);
const char *block_format_name(const struct block *block);
const struct block *block_backing(const struct block *block); /* NULL: none */
/* Whether this thread's latest call failed for want of space. */
bool block_out_of_space(void);
/* Synchronous, any thread; false on a host I/O error (the guest sees an I/O error). Bounds are checked here. */
bool block_read(struct block *block, u64 offset, void *to, u64 size);
bool block_write(struct block *block, u64 offset, const void *from, u64 size);
/* The same with scattered memory of at least `size` bytes. */
bool block_readv(struct block *block, u64 offset, const struct iovec *to, u64 size);
bool block_writev(struct block *block, u64 offset, const struct iovec *from, u64 size);
/* Reads what the host has in memory, without waiting for a disk; false: it is not all there (or an error), and `to` has
 * anything. */
bool block_try_readv(struct block *block, u64 offset, const struct iovec *to, u64 size);
bool block_flush(struct block *block);
/* What was written is in the file, as the host has it: it outlasts this program. */
bool block_write_back(struct block *block);
bool block_discard(struct block *block, u64 offset, u64 size);
bool block_write_zeroes(struct block *block, u64 offset, u64 size, bool unmap);

/* What becomes of a request that the host cannot carry out. */
enum on_error { ON_ERROR_REPORT, ON_ERROR_ENOSPC, ON_ERROR_STOP, ON_ERROR_IGNORE };
/* Why the machine stopped for a disk, until it goes on. */
enum disk_status { DISK_OK, DISK_FAILED, DISK_FULL };
/* A disk as the user described it: made by machine/, used by the device that took it. */
struct drive {
	char *id, *file, *format;
	char *backing, *below; /* by name: the node behind, the node of driver file; NULL: they have no names */
	char *serial;          /* for the device, unless it has its own */
	struct block *block;   /* NULL: not open yet */
	struct dev *user;      /* the device that has it */
	bool readonly, discard, no_flush, allow_backing, write_through;
	bool is_node, is_lazy, is_cdrom; /* of -blockdev; opened when used; media=cdrom */
	enum on_error write_error, read_error;
	enum disk_status status;
};

/* How a device reaches the disks and threads of its machine: provided by machine/. */
struct machine;
struct dev;
struct workers;
struct drive *machine_take_drive(struct machine *machine, const char *id, struct dev *user,
				 struct error *err); /* NULL: told in err */
/* Machine lock. A request failed, perhaps for want of space: what becomes of it, REPORT, IGNORE or STOP. With STOP it
 * waits in the device until `resume`. */
enum on_error machine_disk_failed(struct machine *machine, struct drive *drive, bool write, bool no_space);
struct workers *machine_workers(struct machine *machine);

/* --- accept.c: listening sockets --- */
bool host_listen(int fd); /* false: errno */
/* A connection, or -1; one that there is no descriptor for is dropped. */
int host_accept(int listen_fd, int flags);

/* --- chardev.c: a two-way byte stream --- */
struct chardev;
/* spec as after -serial: stdio, mon:stdio, null, none, file:PATH, pty, unix:PATH[,server=on][,wait=off],
 * pipe:PATH, tcp: or telnet:127.0.0.1:PORT[,server=on][,wait=off], fd:N[,server=on][,wait=off]. With mon: (or
 * stdio,mux=on) the escape key Ctrl-A works: x quits (calls `quit` in the loop thread), h lists the rest. The terminal
 * is restored on every way out, signals included; with a `quit`, the first SIGINT, SIGTERM or SIGHUP of a stdio user
 * calls it too, a second one kills. */
struct chardev *chardev_open(const char *spec, struct loop *loop, void (*quit)(void *opaque), void *opaque,
			     struct error *err);
void chardev_close(struct chardev *chardev);
/* What is written to it goes to a file too. */
bool chardev_log(struct chardev *chardev, const char *path, bool append, struct error *err);
/* What ends test programs: the text "CODEq" written to it calls exit_with(opaque, CODE << 1 | 1), on the writer's
 * thread. */
struct chardev *chardev_open_testdev(struct loop *loop, void (*exit_with)(void *opaque, int code), void *opaque);
/* Output: never blocks the caller for long; bytes are kept until written. Any thread. */
void chardev_write(struct chardev *chardev, const u8 *bytes, size_t size);
/* Input: `can_take` says how many bytes the device has room for; `take` gives them; both under the machine lock. Call
 * chardev_kick when room appears. */
void chardev_connect(struct chardev *chardev, size_t (*can_take)(void *opaque),
		     void (*take)(void *opaque, const u8 *bytes, size_t size), void *opaque);
void chardev_kick(struct chardev *chardev);
/* Of a device with the escape key: a second taker, between which and the first Ctrl-A c turns the input. `take` NULL:
 * it goes again. Machine lock or before the loop runs. False: there is one already (or this was not it). */
bool chardev_connect_second(struct chardev *chardev, size_t (*can_take)(void *opaque),
			    void (*take)(void *opaque, const u8 *bytes, size_t size),
			    void (*turned)(void *opaque, bool to_second), void *opaque);
bool chardev_is_mux(const struct chardev *chardev);
void chardev_set_escape(struct chardev *chardev, u8 key); /* default 1, Ctrl-A; 0: none */
bool chardev_is_connected(const struct chardev *chardev);
const char *chardev_pty(const struct chardev *chardev); /* "pty:NAME"; NULL: it is no pseudo-terminal */
/* Who must know of connections: called under the machine lock with true when one begins and with false when it ends.
 * What is always connected (stdio, a file) begins once, at this call. */
void chardev_on_connection(struct chardev *chardev, void (*changed)(void *opaque, bool connected), void *opaque);
/* Whether connections come and go: a socket of ours. */
bool chardev_listens(const struct chardev *chardev);
/* Whether its connection may end: a socket, whoever listens. */
bool chardev_is_socket(const struct chardev *chardev);
/* Bytes written that the host has not taken yet; SIZE_MAX: it will never take any. */
size_t chardev_backlog(struct chardev *chardev);
/* Who holds bytes back because of the backlog: called under the machine lock when there may be less of it. */
void chardev_on_drain(struct chardev *chardev, void (*drained)(void *opaque), void *opaque);
/* Ends the connection; a server then waits for the next one. Machine lock, and not from within `take`. */
void chardev_disconnect(struct chardev *chardev);
void terminal_restore(void); /* async-signal-safe */
/* The first SIGINT, SIGTERM or SIGHUP calls `quit` in the loop thread, the next one of them kills. chardev_open does it
 * for stdio. */
bool quit_signals_watch(struct loop *loop, void (*quit)(void *opaque), void *opaque, struct error *err);

/* --- mapped.c: SIGBUS in a file that is mapped shared ends the program with a line that begins with `what` --- */
void mapped_file_watch(const u8 *start, u64 size, int fd, const char *what);
void mapped_file_forget(const u8 *start); /* before it is unmapped */

/* --- net.c: a wire for Ethernet. All under the machine lock; frames are of host/net_frame.h, header first. --- */
struct netdev;
struct opts;
/* Who has the other end: `receive` takes a frame, or has no room (false) and calls netdev_kick when it has; `received`
 * ends a row of them; `writable` says that netdev_has_room may be true again; `link` that the wire was cut or joined.
 */
struct netdev_peer {
	bool (*receive)(void *opaque, const u8 *frame, size_t size);
	void (*received)(void *opaque);
	void (*writable)(void *opaque);
	void (*link)(void *opaque, bool up);
};
/* opts as after -netdev: the kind under "type". */
struct netdev *netdev_open(struct opts *opts, struct loop *loop, struct error *err);
void netdev_close(struct netdev *netdev);
const char *netdev_kind(const struct netdev *netdev);
const char *netdev_description(const struct netdev *netdev);
bool netdev_connect(struct netdev *netdev, const struct netdev_peer *peer, void *opaque); /* false: it has a peer */
void netdev_disconnect(struct netdev *netdev);
bool netdev_is_connected(const struct netdev *netdev);
bool netdev_is_up(const struct netdev *netdev);
void netdev_set_link(struct netdev *netdev, bool up); /* false: cut, until it is true: frames go nowhere */
/* OFFLOAD_*: what the wire takes undone, and what it can be told to leave undone to a peer that takes it. */
u32 netdev_takes(const struct netdev *netdev);
u32 netdev_gives(const struct netdev *netdev);
void netdev_set_offloads(struct netdev *netdev, u32 offloads); /* what the peer takes, of what the wire gives */
bool netdev_has_room(const struct netdev *netdev);             /* for one frame of any size */
void netdev_send(struct netdev *netdev, u8 *frame, size_t size);
void netdev_flush(struct netdev *netdev); /* the row is over */
void netdev_kick(struct netdev *netdev);
/* Forwarding of a port of the host, of a kind "user": PROTOCOL:ADDRESS:PORT[-ADDRESS:PORT]. */
bool netdev_forward(struct netdev *netdev, bool add, const char *text, struct error *err);
/* What the monitor shows of its connections; malloc'd, NULL: nothing. */
char *netdev_connections(struct netdev *netdev);

/* --- worker.c: a small pool for disk I/O --- */
struct workers;
struct workers *workers_create(unsigned threads, struct error *err);
/* What is queued is done, as far as some seconds suffice; the rest is as after work_group_cancel. */
void workers_destroy(struct workers *workers);
/* Until nobody's work is under way. What no thread has begun after some seconds waits for workers_go, so that a guest
 * cannot make this long. The caller may have the machine lock, as in work_group_wait. */
void workers_hold(struct workers *workers);
void workers_go(struct workers *workers);
/* What one device has given to a pool: it can wait for all of it. All zero: not made, nothing is under way. */
struct work_group {
	struct workers *workers; /* NULL, or without threads (instruction time): work is done at once, in the caller */
	void (*drop)(void *arg); /* takes work back that no thread has begun */
	bool made;
	bool ending;          /* atomic: nobody wants the work any more; a thread may leave it */
	pthread_mutex_t lock; /* a leaf: of `count` */
	pthread_cond_t idle;
	unsigned count; /* under way: given, and neither returned from nor taken back */
};
void work_group_init(struct work_group *group, struct workers *workers, void (*drop)(void *arg));
void work_group_fini(struct work_group *group);
/* Runs work(arg) on a pool thread. */
void work_group_run(struct work_group *group, void (*work)(void *arg), void *arg);
/* Until nothing is under way. Work takes no machine lock, so the caller may have it. */
void work_group_wait(struct work_group *group);
/* The same, of work that nobody wants any more: what no thread has begun, perhaps because others' long work comes
 * before it, is dropped, and threads are told by `ending`. */
void work_group_cancel(struct work_group *group);

#endif
