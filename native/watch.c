/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls back when descriptors are readable: a thread waits in epoll and tells the
 * event loop through a thread-safe function. uv_poll would need no thread, but
 * libuv aborts the process when a watched descriptor was closed, and its header
 * is no part of Node-API.
 *
 * One watcher serves an environment (the main thread, or a worker). Its list is
 * touched on that environment's thread alone; the epoll thread sees only ids.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "argument.h"
#include "module.h"
#include "result.h"

struct watch {
	struct watch *next;
	uintptr_t id; /* never used again */
	int fd;	      /* our own duplicate, so that the caller may close his */
	napi_ref callback;
};

struct watcher {
	napi_env env;
	napi_threadsafe_function deliver;
	pthread_t thread;
	int epoll;
	int stop; /* an eventfd; its id in epoll is 0 */
	uintptr_t last_id;
	struct watch *first;
};

/* Reports once (EPOLLONESHOT), then waits until JavaScript has read what is there. */
static int watch_arm(const struct watcher *watcher, const struct watch *watch, int operation)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = watch->id};

	return epoll_ctl(watcher->epoll, operation, watch->fd, &event) ? -errno : 0;
}

static struct watch **watch_find(struct watcher *watcher, uintptr_t id)
{
	struct watch **watch = &watcher->first;

	while (*watch && (*watch)->id != id)
		watch = &(*watch)->next;
	return watch;
}

static void watch_remove(napi_env env, struct watch **place)
{
	struct watch *watch = *place;

	*place = watch->next;
	napi_delete_reference(env, watch->callback);
	close(watch->fd); /* takes it out of epoll too: no other descriptor is the same */
	free(watch);
}

static void *watcher_run(void *argument)
{
	struct watcher *watcher = argument;
	struct epoll_event event;

	for (;;) {
		if (epoll_wait(watcher->epoll, &event, 1, -1) < 1)
			continue; /* EINTR: a debugger */
		if (event.data.u64 == 0)
			return NULL;
		napi_call_threadsafe_function(watcher->deliver, (void *)(uintptr_t)event.data.u64,
					      napi_tsfn_nonblocking);
	}
}

/* What the callback throws is an uncaught exception, as from any other event. */
static napi_value watch_call(napi_env env, const struct watch *watch)
{
	napi_value receiver, callback, exception = NULL;

	napi_get_undefined(env, &receiver);
	napi_get_reference_value(env, watch->callback, &callback);
	if (napi_call_function(env, receiver, callback, 0, NULL, NULL) != napi_ok)
		napi_get_and_clear_last_exception(env, &exception);
	return exception;
}

/* On the event loop. env is NULL when the environment is going away. */
static void watcher_deliver(napi_env env, napi_value function, void *context, void *data)
{
	struct watcher *watcher = context;
	uintptr_t id = (uintptr_t)data;
	struct watch *watch;
	napi_value exception;

	(void)function;
	if (!env)
		return;
	watch = *watch_find(watcher, id);
	if (!watch)
		return;
	exception = watch_call(env, watch);
	watch = *watch_find(watcher, id); /* the callback may have stopped it */
	if (watch)
		watch_arm(watcher, watch, EPOLL_CTL_MOD);
	if (exception)
		napi_fatal_exception(env, exception);
}

static void watcher_free(struct watcher *watcher)
{
	if (watcher->epoll >= 0)
		close(watcher->epoll);
	if (watcher->stop >= 0)
		close(watcher->stop);
	free(watcher);
}

/* When the environment ends: before its thread-safe functions, which were made earlier. */
static void watcher_end(void *data)
{
	struct watcher *watcher = data;

	eventfd_write(watcher->stop, 1);
	pthread_join(watcher->thread, NULL);
	napi_release_threadsafe_function(watcher->deliver, napi_tsfn_abort);
	while (watcher->first)
		watch_remove(watcher->env, &watcher->first);
	watcher_free(watcher);
}

static int watcher_open(struct watcher *watcher)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};

	watcher->epoll = epoll_create1(EPOLL_CLOEXEC);
	watcher->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watcher->epoll < 0 || watcher->stop < 0)
		return -errno;
	return epoll_ctl(watcher->epoll, EPOLL_CTL_ADD, watcher->stop, &event) ? -errno : 0;
}

/* Without signals: those are for Node's threads. */
static int watcher_start(struct watcher *watcher)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&watcher->thread, NULL, watcher_run, watcher);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

static int watcher_create(napi_env env, struct watcher *watcher)
{
	napi_value name = NULL;
	int error = watcher_open(watcher);

	if (error)
		return error;
	napi_create_string_utf8(env, "evenkeel watch", NAPI_AUTO_LENGTH, &name);
	if (napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, watcher,
					    watcher_deliver, &watcher->deliver) != napi_ok)
		return -ENOMEM;
	napi_unref_threadsafe_function(env, watcher->deliver);
	error = watcher_start(watcher);
	if (error)
		napi_release_threadsafe_function(watcher->deliver, napi_tsfn_abort);
	return error;
}

/* This environment's watcher, made on first use. */
static int watcher_get(napi_env env, struct watcher **result)
{
	struct watcher *watcher = NULL;
	int error;

	napi_get_instance_data(env, (void **)result);
	if (*result)
		return 0;
	watcher = calloc(1, sizeof(*watcher));
	if (!watcher)
		return -ENOMEM;
	watcher->env = env;
	watcher->epoll = watcher->stop = -1;
	error = watcher_create(env, watcher);
	if (error) {
		watcher_free(watcher);
		return error;
	}
	napi_add_env_cleanup_hook(env, watcher_end, watcher);
	napi_set_instance_data(env, watcher, NULL, NULL);
	*result = watcher;
	return 0;
}

static napi_value unwatch(napi_env env, napi_callback_info info)
{
	struct watcher *watcher = NULL;
	struct watch **watch;
	void *id = NULL;

	napi_get_cb_info(env, info, NULL, NULL, NULL, &id);
	napi_get_instance_data(env, (void **)&watcher);
	watch = watch_find(watcher, (uintptr_t)id);
	if (*watch)
		watch_remove(env, watch);
	return NULL;
}

static int watch_add(napi_env env, struct watcher *watcher, int fd, napi_value callback)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int error;

	if (!watch)
		return -ENOMEM;
	watch->id = ++watcher->last_id;
	watch->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	error = watch->fd < 0 ? -errno : watch_arm(watcher, watch, EPOLL_CTL_ADD);
	if (error) {
		if (watch->fd >= 0)
			close(watch->fd);
		free(watch);
		return error;
	}
	napi_create_reference(env, callback, 1, &watch->callback);
	watch->next = watcher->first;
	watcher->first = watch;
	return 0;
}

static napi_value watch(napi_env env, napi_callback_info info)
{
	struct watcher *watcher = NULL;
	napi_valuetype type = napi_undefined;
	napi_value function = NULL;
	struct call call;
	int fd, error;

	if (!call_begin(&call, env, info) || !argument_fd(&call, call.arguments[0], "fd", &fd))
		return NULL;
	napi_typeof(env, call.arguments[1], &type);
	if (type != napi_function) {
		call_throw_type(&call, "onReadable must be a function");
		return NULL;
	}
	error = watcher_get(env, &watcher);
	if (!error)
		error = watch_add(env, watcher, fd, call.arguments[1]);
	if (error)
		return result_number(env, error);
	napi_create_function(env, "unwatch", NAPI_AUTO_LENGTH, unwatch, (void *)watcher->last_id,
			     &function);
	return function;
}

const struct function watch_functions[] = {
	{"watch", watch},
	{},
};
