/* A binary heap of hints, and beside it the list of what the open transaction popped. */
#include "features/timer_queue.h"

#include <stdlib.h>

struct hint {
    int64_t fire_ms;
    struct str user_id; /* malloc'ed */
};

struct hints {
    struct hint *at;
    uint32_t n, capacity;
};

struct timer_queue {
    struct hints heap, popped;
};

enum status timer_queue_open(struct timer_queue **out)
{
    *out = calloc(1, sizeof(**out));
    return *out ? OK : ERR_NOMEM;
}

static void free_hints(struct hints *hints)
{
    for (uint32_t i = 0; i < hints->n; i++)
        free((char *)(uintptr_t)hints->at[i].user_id.ptr);
    free(hints->at);
}

void timer_queue_close(struct timer_queue *queue)
{
    if (!queue)
        return;
    free_hints(&queue->heap);
    free_hints(&queue->popped);
    free(queue);
}

static bool reserve(struct hints *hints)
{
    if (hints->n < hints->capacity)
        return true;
    uint32_t capacity = hints->capacity ? hints->capacity * 2 : 64;
    struct hint *at = realloc(hints->at, capacity * sizeof(*at));

    if (!at)
        return false;
    hints->at = at;
    hints->capacity = capacity;
    return true;
}

static bool before(const struct hint *a, const struct hint *b)
{
    if (a->fire_ms != b->fire_ms)
        return a->fire_ms < b->fire_ms;
    return str_compare(a->user_id, b->user_id) < 0;
}

/* Room is there: moves parents down until the hint's place is found. */
static void sift_in(struct hints *heap, struct hint hint)
{
    uint32_t at = heap->n++;

    while (at > 0 && before(&hint, &heap->at[(at - 1) / 2])) {
        heap->at[at] = heap->at[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->at[at] = hint;
}

enum status timer_queue_add(struct timer_queue *queue, int64_t fire_ms, struct str user_id)
{
    char *copy = malloc(user_id.len ? user_id.len : 1);

    if (!copy || !reserve(&queue->heap)) {
        free(copy);
        return ERR_NOMEM;
    }
    memcpy(copy, user_id.ptr, user_id.len);
    sift_in(&queue->heap, (struct hint){fire_ms, {copy, user_id.len}});
    return OK;
}

int64_t timer_queue_next(const struct timer_queue *queue)
{
    return queue->heap.n ? queue->heap.at[0].fire_ms : INT64_MAX;
}

void timer_queue_pop(struct timer_queue *queue, int64_t *out_fire_ms, struct str *out_user)
{
    struct hints *heap = &queue->heap;
    struct hint top = heap->at[0], last = heap->at[--heap->n];
    uint32_t at = 0;

    ensure(reserve(&queue->popped));
    queue->popped.at[queue->popped.n++] = top;
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < heap->n && before(&heap->at[child + 1], &heap->at[child]))
            child++;
        if (child >= heap->n || !before(&heap->at[child], &last))
            break;
        heap->at[at] = heap->at[child];
        at = child;
    }
    if (heap->n)
        heap->at[at] = last;
    *out_fire_ms = top.fire_ms;
    *out_user = top.user_id;
}

void timer_queue_commit(struct timer_queue *queue,
                        void (*each)(void *context, int64_t fire_ms, struct str user_id),
                        void *context)
{
    for (uint32_t i = 0; i < queue->popped.n; i++) {
        each(context, queue->popped.at[i].fire_ms, queue->popped.at[i].user_id);
        free((char *)(uintptr_t)queue->popped.at[i].user_id.ptr);
    }
    queue->popped.n = 0;
}

void timer_queue_rollback(struct timer_queue *queue)
{
    while (queue->popped.n) {
        ensure(reserve(&queue->heap));
        sift_in(&queue->heap, queue->popped.at[--queue->popped.n]);
    }
}

uint32_t timer_queue_count(const struct timer_queue *queue)
{
    return queue->heap.n;
}
