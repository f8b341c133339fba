/*
 * A few threads, one queue in, one queue out and an eventfd that wakes the loop. Finished work enters its process through the mailbox like
 * everything else.
 */
#include "node/pool.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { POOL_THREADS = 4 };

struct job {
    STAILQ_ENTRY(job) link;
    hm_pid owner;
    void (*work)(void *arg);
    enum hm_verdict (*done)(hm_process *self, void *arg);
    void *arg;
};

STAILQ_HEAD(job_list, job);

struct pool {
    struct hm_node *node;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job_list waiting, finished; /* under lock */
    bool stopping;                     /* under lock */
    unsigned threads;
    uint64_t taken, done; /* the loop's thread alone */
    pthread_t thread[POOL_THREADS];
    int fd;
    struct event *event;
};

static void *serve(void *arg) {
    struct pool *pool = arg;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct job *job;
        while (!(job = STAILQ_FIRST(&pool->waiting)) && !pool->stopping)
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (!job)
            break;
        STAILQ_REMOVE_HEAD(&pool->waiting, link);
        pthread_mutex_unlock(&pool->lock);
        job->work(job->arg);
        pthread_mutex_lock(&pool->lock);
        STAILQ_INSERT_TAIL(&pool->finished, job, link);
        uint64_t one = 1;
        ssize_t written = write(pool->fd, &one, sizeof one);
        (void)written; /* a full counter means that the loop is awake */
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct done_call { /* what the message carries */
    enum hm_verdict (*done)(hm_process *self, void *arg);
    void *arg;
};

static enum hm_verdict run_done(hm_process *self, struct message *message) {
    struct done_call *call = message->arg;
    enum hm_verdict verdict = call->done(self, call->arg);
    free(call);
    return verdict;
}

static void hand_over(struct pool *pool, struct job *job) {
    hm_process *process = process_lookup(pool->node, job->owner);
    struct done_call *call = process ? malloc(sizeof *call) : NULL;
    struct message *message = call ? message_new(MESSAGE_CALL, (hm_term){0}, NULL) : NULL;
    if (message) {
        *call = (struct done_call){job->done, job->arg};
        message->run = run_done;
        message->arg = call;
        process_deliver(process, message);
    } else {
        free(call);
        job->done(NULL, job->arg);
    }
    free(job);
}

static void on_finished(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct pool *pool = arg;
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
    struct job_list finished = STAILQ_HEAD_INITIALIZER(finished);
    pthread_mutex_lock(&pool->lock);
    STAILQ_CONCAT(&finished, &pool->finished);
    pthread_mutex_unlock(&pool->lock);
    struct job *job;
    while ((job = STAILQ_FIRST(&finished))) {
        STAILQ_REMOVE_HEAD(&finished, link);
        pool->done++;
        hand_over(pool, job);
    }
}

static struct pool *pool_new(struct hm_node *node) {
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->node = node;
    STAILQ_INIT(&pool->waiting);
    STAILQ_INIT(&pool->finished);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pool->event = pool->fd < 0 ? NULL : event_new(node->base, pool->fd, EV_READ | EV_PERSIST, on_finished, pool);
    if (!pool->event || event_add(pool->event, NULL) != 0) {
        pool_free(pool);
        return NULL;
    }
    return pool;
}

/* One more thread when work waits and there may be more; signals stay with the loop's thread. */
static void add_thread(struct pool *pool) {
    sigset_t all, old;
    if (pool->threads == POOL_THREADS)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&pool->thread[pool->threads], NULL, serve, pool) == 0)
        pool->threads++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int hm_work(hm_process *self, void (*work)(void *arg), enum hm_verdict (*done)(hm_process *self, void *arg),
            void *arg) {
    struct hm_node *node = self->node;
    if (!node->pool && !(node->pool = pool_new(node)))
        return HM_ENOMEM;
    struct pool *pool = node->pool;
    struct job *job = malloc(sizeof *job);
    if (!job)
        return HM_ENOMEM;
    *job = (struct job){.owner = self->pid, .work = work, .done = done, .arg = arg};
    add_thread(pool);
    if (pool->threads == 0) {
        free(job);
        return HM_ESYSTEM;
    }
    pthread_mutex_lock(&pool->lock);
    pool->taken++;
    STAILQ_INSERT_TAIL(&pool->waiting, job, link);
    pthread_cond_signal(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    return HM_OK;
}

static void drop_jobs(struct job_list *jobs) {
    struct job *job;
    while ((job = STAILQ_FIRST(jobs))) {
        STAILQ_REMOVE_HEAD(jobs, link);
        job->done(NULL, job->arg);
        free(job);
    }
}

struct pool_stats pool_stats(const struct pool *pool) {
    return pool ? (struct pool_stats){pool->threads, pool->taken, pool->done} : (struct pool_stats){0};
}

void pool_free(struct pool *pool) {
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    struct job_list never = STAILQ_HEAD_INITIALIZER(never);
    STAILQ_CONCAT(&never, &pool->waiting);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->thread[i], NULL);
    drop_jobs(&never);
    drop_jobs(&pool->finished);
    if (pool->event)
        event_free(pool->event);
    if (pool->fd >= 0)
        close(pool->fd);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->wake);
    free(pool);
}
