/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dev/virtio/io_loop.c: the thread that serves queues, and how a doorbell reaches it. */
#include "base/alloc.h"
#include "base/log.h"
#include "dev/virtio/virtio_priv.h"
#include "plat/loop.h"

LOG_MODULE("virtio");

struct io_loop {
	struct loop *loop;
	struct thread *thread;
};

static void run(void *arg)
{
	struct io_loop *l = arg;

	loop_run(l->loop);
}

int io_loop_create(struct io_loop **out, const char *name, struct error *err)
{
	struct io_loop *l = xnew(struct io_loop);
	int r = loop_create(&l->loop, err);

	if (r == 0)
		r = thread_start(&l->thread, name, run, l, err);
	if (r < 0) {
		loop_destroy(l->loop);
		free(l);
		return r;
	}
	*out = l;
	return 0;
}

void io_loop_stop(struct io_loop *l)
{
	if (!l || !l->thread)
		return;
	loop_stop(l->loop, 0);
	thread_join(l->thread);
	l->thread = NULL;
}

void io_loop_destroy(struct io_loop *l)
{
	if (!l)
		return;
	io_loop_stop(l);
	loop_destroy(l->loop);
	free(l);
}

struct loop *io_loop_of(struct io_loop *l)
{
	return l->loop;
}

void vq_service(struct vq *q)
{
	struct virtio *v = q->virtio;

	if (!event_clear(&q->event))
		return;
	mutex_lock(&q->lock);
	if (q->live)
		v->cls->serve(v, q);
	mutex_unlock(&q->lock);
	virtio_sync_intx(v);
}

static void kicked(void *arg, unsigned events UNUSED)
{
	vq_service(arg);
}

/* Sources belong to the thread that runs the loop, so the loop itself begins to watch. */
static void begin_watch(struct job *job)
{
	struct vq *q = container_of(job, struct vq, watch);
	struct error err;

	if (loop_watch(&q->source, q->virtio->loop->loop, q->event.handle, LOOP_READ, kicked, q,
		       &err) < 0)
		log_err("%s: queue %u will not work: %s", q->virtio->dev.id, q->index, err.msg);
}

void vq_attach(struct vq *q)
{
	q->watch.fn = begin_watch;
	if (q->virtio->loop)
		loop_post(q->virtio->loop->loop, &q->watch);
}
