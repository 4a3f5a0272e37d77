/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plat/jobs.c: the posted jobs of plat/loop.h. */
#include "plat/plat_priv.h"

void jobs_init(struct job_queue *q)
{
	mutex_init(&q->lock);
	q->first = q->batch = NULL;
	q->tail = &q->first;
}

void jobs_finish(struct job_queue *q)
{
	mutex_finish(&q->lock);
}

bool jobs_post(struct job_queue *q, struct job *job)
{
	bool first = false;

	mutex_lock(&q->lock);
	if (!job->posted) {
		first = !q->first;
		job->posted = true;
		job->next = NULL;
		*q->tail = job;
		q->tail = &job->next;
	}
	mutex_unlock(&q->lock);
	return first;
}

/* Take @job out of a list. Returns the link that led to it, or NULL. */
static struct job **unlink_job(struct job **link, struct job *job)
{
	for (; *link; link = &(*link)->next) {
		if (*link == job) {
			*link = job->next;
			return link;
		}
	}
	return NULL;
}

void jobs_unpost(struct job_queue *q, struct job *job)
{
	struct job **link;

	mutex_lock(&q->lock);
	if (job->posted && !unlink_job(&q->batch, job)) {
		link = unlink_job(&q->first, job);
		if (link && !*link)
			q->tail = link;
	}
	job->posted = false;
	mutex_unlock(&q->lock);
}

bool jobs_waiting(struct job_queue *q)
{
	bool waiting;

	mutex_lock(&q->lock);
	waiting = q->first;
	mutex_unlock(&q->lock);
	return waiting;
}

void jobs_run(struct job_queue *q)
{
	mutex_lock(&q->lock);
	q->batch = q->first;
	q->first = NULL;
	q->tail = &q->first;
	while (q->batch) {
		struct job *job = q->batch;

		q->batch = job->next;
		job->posted = false;
		mutex_unlock(&q->lock);
		job->fn(job);
		mutex_lock(&q->lock);
	}
	mutex_unlock(&q->lock);
}
