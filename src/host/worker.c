/* SPDX-License-Identifier: BSD-2-Clause */
/* A small pool of threads with one queue, for disk I/O. Work runs without the machine lock. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

struct job {
	struct job *next;
	struct work_group *group;
	void (*work)(void *arg);
	void *arg;
};

struct workers {
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t some, none;
	struct job *first, **last;
	unsigned under_way; /* jobs that threads have */
	bool ending;
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

static void *worker_main(void *arg)
{
	struct workers *workers = arg;

	pthread_mutex_lock(&workers->lock);
	for (;;) {
		struct job *job = workers->first;

		if (!job) {
			if (workers->ending)
				break;
			pthread_cond_wait(&workers->some, &workers->lock);
			continue;
		}
		workers->first = job->next;
		if (!workers->first)
			workers->last = &workers->first;
		workers->under_way++;
		pthread_mutex_unlock(&workers->lock);
		job->work(job->arg);
		group_end(job->group);
		free(job);
		pthread_mutex_lock(&workers->lock);
		if (!--workers->under_way && !workers->first)
			pthread_cond_broadcast(&workers->none);
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

struct workers *workers_create(unsigned threads, struct error *err)
{
	struct workers *workers = calloc(1, sizeof(*workers) + threads * sizeof(pthread_t));
	sigset_t all, before;
	int error = 0;

	assert(workers);
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->some, NULL);
	pthread_cond_init(&workers->none, NULL);
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

void workers_destroy(struct workers *workers)
{
	if (!workers)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->ending = true;
	pthread_cond_broadcast(&workers->some);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned i = 0; i < workers->count; i++)
		pthread_join(workers->threads[i], NULL);
	pthread_cond_destroy(&workers->some);
	pthread_cond_destroy(&workers->none);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}

void workers_wait(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	while (workers->first || workers->under_way)
		pthread_cond_wait(&workers->none, &workers->lock);
	pthread_mutex_unlock(&workers->lock);
}

void work_group_init(struct work_group *group, struct workers *workers)
{
	*group = (struct work_group){.workers = workers, .made = true};
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
