/* SPDX-License-Identifier: BSD-2-Clause */
/* A small pool of threads with one queue, for disk I/O. Work runs without the machine lock. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/host.h"

#define SETTLE_S 5 /* for what is queued, when the machine stops or ends */

struct job {
	struct job *next;
	struct work_group *group;
	void (*work)(void *arg);
	void *arg;
};

struct workers {
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t some, none;
	struct job *first, **last; /* that no thread has begun */
	struct job *begun;
	bool held, ending; /* held: none is begun */
	unsigned count;
	pthread_t threads[];
};

static void group_end(struct work_group *group)
{
	pthread_mutex_lock(&group->lock);
	if (!--group->count)
		pthread_cond_broadcast(&group->idle);
	pthread_mutex_unlock(&group->lock);
}

/* The next job, which is begun with that, or NULL: the pool ends. */
static struct job *job_begin(struct workers *workers)
{
	struct job *job;

	pthread_mutex_lock(&workers->lock);
	while ((workers->held || !workers->first) && !workers->ending)
		pthread_cond_wait(&workers->some, &workers->lock);
	job = workers->first;
	if (job) {
		workers->first = job->next;
		if (!workers->first)
			workers->last = &workers->first;
		job->next = workers->begun;
		workers->begun = job;
	}
	pthread_mutex_unlock(&workers->lock);
	return job;
}

/* Before its group hears of it, which may go then. */
static void job_end(struct workers *workers, struct job *job)
{
	struct job **link = &workers->begun;

	pthread_mutex_lock(&workers->lock);
	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	if (!workers->begun)
		pthread_cond_broadcast(&workers->none);
	pthread_mutex_unlock(&workers->lock);
}

static void *worker_main(void *arg)
{
	struct workers *workers = arg;
	struct job *job;

	while ((job = job_begin(workers))) {
		job->work(job->arg);
		job_end(workers, job);
		group_end(job->group);
		free(job);
	}
	return NULL;
}

struct workers *workers_create(unsigned threads, struct error *err)
{
	struct workers *workers = calloc(1, sizeof(*workers) + threads * sizeof(pthread_t));
	pthread_condattr_t monotonic;
	sigset_t all, before;
	int error = 0;

	assert(workers);
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->some, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&workers->none, &monotonic);
	pthread_condattr_destroy(&monotonic);
	workers->last = &workers->first;
	/* Signals are for the main thread, but for those of what a thread itself did. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (workers->count < threads && !error) {
		error = pthread_create(&workers->threads[workers->count], NULL, worker_main, workers);
		workers->count += !error;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		workers_destroy(workers);
		fail(err, "the host gives no thread for disk I/O: %s", strerror(error));
		return NULL;
	}
	return workers;
}

/* The jobs that no thread has begun, of one group or (NULL) of all, are no longer the queue's. Lock held. */
static struct job *jobs_take(struct workers *workers, const struct work_group *group)
{
	struct job *taken = NULL, **taken_last = &taken;

	for (struct job **link = &workers->first; *link;) {
		struct job *job = *link;

		if (group && job->group != group) {
			link = &job->next;
			continue;
		}
		*link = job->next;
		job->next = NULL;
		*taken_last = job;
		taken_last = &job->next;
	}
	for (workers->last = &workers->first; *workers->last;)
		workers->last = &(*workers->last)->next;
	return taken;
}

static void jobs_drop(struct job *jobs)
{
	while (jobs) {
		struct job *job = jobs;

		jobs = job->next;
		job->group->drop(job->arg);
		group_end(job->group);
		free(job);
	}
}

/* Until nothing is under way, or for some seconds. Lock held. */
static void settle(struct workers *workers)
{
	struct timespec end;
	int error = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += SETTLE_S;
	while ((workers->first || workers->begun) && !workers->held && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&workers->none, &workers->lock, &end);
}

void workers_destroy(struct workers *workers)
{
	struct job *left;

	if (!workers)
		return;
	pthread_mutex_lock(&workers->lock);
	if (workers->count)
		settle(workers);
	left = jobs_take(workers, NULL);
	for (struct job *job = workers->begun; job; job = job->next)
		__atomic_store_n(&job->group->ending, true, __ATOMIC_RELAXED);
	workers->ending = true;
	pthread_cond_broadcast(&workers->some);
	pthread_mutex_unlock(&workers->lock);
	jobs_drop(left);
	for (unsigned i = 0; i < workers->count; i++)
		pthread_join(workers->threads[i], NULL);
	pthread_cond_destroy(&workers->some);
	pthread_cond_destroy(&workers->none);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}

void workers_hold(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	settle(workers);
	workers->held = true;
	while (workers->begun)
		pthread_cond_wait(&workers->none, &workers->lock);
	pthread_mutex_unlock(&workers->lock);
}

void workers_go(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	workers->held = false;
	pthread_cond_broadcast(&workers->some);
	pthread_mutex_unlock(&workers->lock);
}

void work_group_init(struct work_group *group, struct workers *workers, void (*drop)(void *arg))
{
	*group = (struct work_group){.workers = workers, .drop = drop, .made = true};
	pthread_mutex_init(&group->lock, NULL);
	pthread_cond_init(&group->idle, NULL);
}

void work_group_fini(struct work_group *group)
{
	if (!group->made)
		return;
	work_group_wait(group);
	pthread_cond_destroy(&group->idle);
	pthread_mutex_destroy(&group->lock);
	group->made = false;
}

void work_group_run(struct work_group *group, void (*work)(void *arg), void *arg)
{
	struct workers *workers = group->workers;
	struct job *job;

	if (!workers || !workers->count) {
		work(arg);
		return;
	}
	job = calloc(1, sizeof(*job));
	assert(job && "out of host memory for disk I/O");
	*job = (struct job){.group = group, .work = work, .arg = arg};
	pthread_mutex_lock(&group->lock);
	group->count++;
	pthread_mutex_unlock(&group->lock);
	pthread_mutex_lock(&workers->lock);
	*workers->last = job;
	workers->last = &job->next;
	pthread_cond_signal(&workers->some);
	pthread_mutex_unlock(&workers->lock);
}

void work_group_wait(struct work_group *group)
{
	if (!group->made)
		return;
	pthread_mutex_lock(&group->lock);
	while (group->count)
		pthread_cond_wait(&group->idle, &group->lock);
	pthread_mutex_unlock(&group->lock);
}

static bool is_idle(struct work_group *group)
{
	bool idle;

	pthread_mutex_lock(&group->lock);
	idle = !group->count;
	pthread_mutex_unlock(&group->lock);
	return idle;
}

void work_group_cancel(struct work_group *group)
{
	struct workers *workers = group->workers;
	struct job *jobs;

	if (!group->made || is_idle(group))
		return;
	__atomic_store_n(&group->ending, true, __ATOMIC_RELAXED);
	pthread_mutex_lock(&workers->lock);
	jobs = jobs_take(workers, group);
	pthread_mutex_unlock(&workers->lock);
	jobs_drop(jobs);
	work_group_wait(group);
	__atomic_store_n(&group->ending, false, __ATOMIC_RELAXED);
}
