#include "core/user_json.h"

#include "core/symbols.h"
#include "features/feature_columns.h"

#include <stdio.h>

static void put_item_name(struct json_text *json, uint64_t item, const struct item_view *view)
{
    uint32_t number = view ? item_view_find(view, item) : UINT32_MAX;

    if (number == UINT32_MAX)
        json_field_hex64(json, "item", item);
    else
        json_field_str(json, "item_id", item_view_id(view, number));
}

static void put_items(struct json_text *json, const struct user_state *user,
                      const struct item_view *view)
{
    json_text_key(json, "items");
    json_text_open(json, '[');
    for (int i = 0; i < user->n_items; i++) {
        const struct user_item *item = &user->items[i];
        /* a byte from disk: one that no action has is shown as none */
        enum action action = item->action < N_ACTIONS ? (enum action)item->action : ACTION_NONE;

        json_text_open(json, '{');
        put_item_name(json, item->item, view);
        json_field_int(json, "time", item->time_ms);
        json_field_str(json, "action", str_of(action_name(action)));
        json_field_int(json, "events", item->n);
        json_field_bool(json, "session", i < user->n_session);
        json_text_close(json, '}');
    }
    json_text_close(json, ']');
}

static void put_counters(struct json_text *json, const struct user_state *user)
{
    json_field_int(json, "counters_time", user->counters_ms);
    json_text_key(json, "counters");
    json_text_open(json, '{');
    for (int c = 0; c < user->n_counters && c < n_feature_columns; c++)
        json_field_float(json, feature_columns[c].name, user->counters[c]);
    json_text_close(json, '}');
}

static void put_event_ids(struct json_text *json, const struct user_state *user)
{
    json_text_key(json, "event_ids");
    json_text_open(json, '[');
    for (int i = 0; i < user->n_event_ids; i++)
        json_text_hex64(json, user->event_ids[i]);
    json_text_close(json, ']');
}

static void put_cart(struct json_text *json, const struct user_state *user)
{
    json_text_key(json, "cart");
    json_text_open(json, '{');
    json_field_int(json, "time", user->n_cart ? user->cart_ms : 0);
    json_field_str(json, "currency", user->n_cart ? user->cart_currency : (struct str){0});
    json_text_key(json, "lines");
    json_text_open(json, '[');
    for (int i = 0; i < user->n_cart; i++) {
        const struct cart_item *line = &user->cart[i];

        json_text_open(json, '{');
        json_field_str(json, "item_id", line->item_id);
        json_field_int(json, "quantity", line->quantity);
        json_text_key(json, "price");
        if (line->price_e4 < 0)
            json_text_null(json);
        else
            json_text_money(json, line->price_e4);
        json_field_int(json, "time", line->time_ms);
        json_text_close(json, '}');
    }
    json_text_close(json, ']');
    json_text_close(json, '}');
}

/* "21:00"; -1: null. */
static void put_minutes(struct json_text *json, const char *name, int minutes)
{
    char text[8];

    json_text_key(json, name);
    if (minutes < 0 || minutes >= 24 * 60) {
        json_text_null(json);
        return;
    }
    snprintf(text, sizeof(text), "%02d:%02d", minutes / 60, minutes % 60);
    json_text_str(json, str_of(text));
}

static void put_profile(struct json_text *json, const struct user_state *user)
{
    json_text_key(json, "profile");
    if (user->profile_ms == 0) {
        json_text_null(json);
        return;
    }
    json_text_open(json, '{');
    json_field_int(json, "updated_time", user->profile_ms);
    json_field_str(json, "locale", user->locale);
    json_field_str(json, "time_zone", user->time_zone);
    put_minutes(json, "quiet_from", user->quiet_from_min);
    put_minutes(json, "quiet_to", user->quiet_to_min);
    json_text_key(json, "consents");
    json_text_open(json, '[');
    for (int i = 0; i < user->n_consents; i++) {
        const struct user_consent *consent = &user->consents[i];

        json_text_open(json, '{');
        json_field_str(json, "channel", channel_symbol(consent->channel));
        json_field_str(json, "purpose", purpose_symbol(consent->purpose));
        json_field_bool(json, "granted", consent->granted);
        json_field_int(json, "time", consent->time_ms);
        json_text_close(json, '}');
    }
    json_text_close(json, ']');
    json_text_close(json, '}');
}

static void put_channels(struct json_text *json, const char *name, unsigned bits)
{
    json_text_key(json, name);
    json_text_open(json, '[');
    for (int channel = 1; channel < 8; channel++) {
        if (bits & 1u << channel)
            json_text_str(json, channel_symbol(channel));
    }
    json_text_close(json, ']');
}

void user_json_timers(struct json_text *json, const struct user_state *user)
{
    json_text_key(json, "timers");
    json_text_open(json, '[');
    for (int i = 0; i < user->n_timers; i++) {
        const struct user_timer *timer = &user->timers[i];

        json_text_open(json, '{');
        json_field_hex64(json, "campaign", timer->campaign);
        json_field_str(json, "instance", timer->instance);
        json_field_int(json, "step", timer->step);
        json_field_int(json, "opened", timer->opened_ms);
        json_field_int(json, "fire", timer->fire_ms);
        json_field_int(json, "due", timer->due_ms);
        put_channels(json, "channels_decided", timer->channel_done);
        json_text_close(json, '}');
    }
    json_text_close(json, ']');
}

void user_json_sends(struct json_text *json, const struct user_state *user)
{
    json_text_key(json, "sends");
    json_text_open(json, '[');
    for (int i = 0; i < user->n_sends; i++) {
        json_text_open(json, '{');
        json_field_str(json, "channel", channel_symbol(user->sends[i].channel));
        json_field_str(json, "purpose", purpose_symbol(user->sends[i].purpose));
        json_field_int(json, "time", user->sends[i].time_ms);
        json_text_close(json, '}');
    }
    json_text_close(json, ']');
}

void user_json_fields(struct json_text *json, const struct user_state *user,
                      const struct item_view *view)
{
    json_field_int(json, "events", user->n_events);
    json_field_int(json, "first_time", user->first_ms);
    json_field_int(json, "last_time", user->last_ms);
    json_field_int(json, "session_start", user->session_start_ms);
    json_field_int(json, "qualifying_events", user->n_qualifying);
    put_items(json, user, view);
    put_counters(json, user);
    put_event_ids(json, user);
    put_cart(json, user);
    put_profile(json, user);
    user_json_timers(json, user);
    user_json_sends(json, user);
}
