#include "features/feature_columns.h"

#include <math.h>
#include <stdlib.h>

#define BIT(action) (1u << (action))
enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

/* Half-lives stand together, so one exp2 serves the columns that share one. */
const struct feature_column feature_columns[] = {
    {"views_7d", BIT(ACTION_VIEW) | BIT(ACTION_CLICK), 7LL * DAY_MS},
    {"carts_7d", BIT(ACTION_ADD_TO_CART), 7LL * DAY_MS},
    {"searches_7d", BIT(ACTION_SEARCH), 7LL * DAY_MS},
    {"wishes_7d", BIT(ACTION_WISHLIST), 7LL * DAY_MS},
    {"orders_90d", BIT(ACTION_ORDER), 90LL * DAY_MS},
    {"returns_90d", BIT(ACTION_CANCEL), 90LL * DAY_MS},
    {"activity_1h",
     BIT(ACTION_VIEW) | BIT(ACTION_CLICK) | BIT(ACTION_ADD_TO_CART) | BIT(ACTION_SEARCH),
     HOUR_MS},
};
const uint8_t n_feature_columns = sizeof(feature_columns) / sizeof(feature_columns[0]);
_Static_assert(sizeof(feature_columns) / sizeof(feature_columns[0]) <= USER_COUNTERS_MAX,
               "more columns than the state has room for");

void feature_columns_add(struct user_state *user, enum action action, int64_t time_ms)
{
    int64_t elapsed_ms = time_ms - user->counters_ms;
    int64_t half_life_ms = 0;
    float fade = 1, share = 1; /* of what was there; of the new event */

    if (user->n_counters == 0)
        elapsed_ms = 0;
    while (user->n_counters < n_feature_columns)
        user->counters[user->n_counters++] = 0;
    for (int c = 0; c < n_feature_columns; c++) {
        const struct feature_column *column = &feature_columns[c];

        if (column->half_life_ms != half_life_ms) {
            half_life_ms = column->half_life_ms;
            float halvings = (float)llabs(elapsed_ms) / (float)half_life_ms;

            fade = elapsed_ms > 0 ? exp2f(-halvings) : 1;
            share = elapsed_ms < 0 ? exp2f(-halvings) : 1;
        }
        user->counters[c] *= fade;
        if (column->action_mask & BIT(action))
            user->counters[c] += share;
    }
    if (elapsed_ms > 0 || user->counters_ms == 0)
        user->counters_ms = time_ms;
}
