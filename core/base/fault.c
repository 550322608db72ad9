#include "core/base/fault.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAULTS_MAX = 16, FAULT_NAME_MAX = 48 };

struct fault {
    char name[FAULT_NAME_MAX];
    long remaining; /* passes until it hits; 0: disarmed, or done */
    long n_hits;    /* in a row */
};

bool fault_enabled;
static struct fault faults[FAULTS_MAX];
static int n_faults;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void arm(const char *name, long nth, long n_hits)
{
    pthread_mutex_lock(&lock);
    int i = 0;

    while (i < n_faults && strcmp(faults[i].name, name) != 0)
        i++;
    if (i < FAULTS_MAX) {
        snprintf(faults[i].name, sizeof(faults[i].name), "%s", name);
        faults[i].remaining = nth;
        faults[i].n_hits = n_hits;
        n_faults = i < n_faults ? n_faults : i + 1;
        fault_enabled = true;
    }
    pthread_mutex_unlock(&lock);
}

void fault_arm(const char *name, long nth)
{
    arm(name, nth, 1);
}

void fault_init(void)
{
    const char *text = getenv("FRESHET_FAULT");
    char name[FAULT_NAME_MAX];
    long nth, last;
    int used, more;

    while (text && *text) {
        if (sscanf(text, "%47[a-z0-9_]=%ld%n", name, &nth, &used) != 2 || nth < 1) {
            fprintf(stderr, "FRESHET_FAULT: cannot read '%s'; write point=N,point=N-M\n", text);
            exit(2);
        }
        text += used;
        if (sscanf(text, "-%ld%n", &last, &more) == 1 && last >= nth)
            text += more;
        else
            last = nth;
        arm(name, nth, last - nth + 1);
        text += *text == ',';
    }
}

bool fault_is_armed(const char *name)
{
    bool armed = false;

    pthread_mutex_lock(&lock);
    for (int i = 0; i < n_faults; i++)
        armed |= strcmp(faults[i].name, name) == 0;
    pthread_mutex_unlock(&lock);
    return armed;
}

/* One pass of an armed point: true if it hits, and once more if hits are left. */
static bool count_pass(struct fault *fault)
{
    if (fault->remaining <= 0 || --fault->remaining > 0)
        return false;
    if (--fault->n_hits > 0)
        fault->remaining = 1;
    return true;
}

bool fault_pass(const char *name)
{
    bool hit = false;

    pthread_mutex_lock(&lock);
    for (int i = 0; i < n_faults; i++) {
        if (strcmp(faults[i].name, name) == 0)
            hit = count_pass(&faults[i]);
    }
    pthread_mutex_unlock(&lock);
    if (hit) {
        fprintf(stderr, "level=warn event=fault_point name=%s\n", name);
        if (strncmp(name, "kill_", 5) == 0)
            kill(getpid(), SIGKILL);
        if (strncmp(name, "stop_", 5) == 0)
            kill(getpid(), SIGSTOP);
    }
    return hit;
}
