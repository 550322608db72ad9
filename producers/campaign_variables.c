/*
 * What a template can ask for, and who answers for it:
 *
 *   items, item   id title description brand category price url image stock attributes
 *                 from the catalogue; quantity from the cart; the newest first
 *   cart          count quantity (the cart) total currency (catalogue prices x quantities)
 *   vars          the words of the campaign file
 *   step, arm, locale, channel, decided_at, unsubscribe_url
 *
 * A field that a record does not have is missing, so the template must say what then.
 */
#include "producers/gate.h"

enum { ITEM_FIELDS = 12, CART_FIELDS = 4, TOP_FIELDS = 10 };

struct object {
    struct template_field *fields;
    uint32_t n;
    const struct template_record *record;
};

static void add(struct object *object, const char *name, struct template_value value)
{
    if (value.kind == VALUE_NIL || value.kind == VALUE_UNSET)
        return;
    value.record = object->record;
    value.field = name;
    object->fields[object->n++] = (struct template_field){str_of(name), value};
}

static struct template_value object_value(const struct object *object)
{
    return (struct template_value){
        .kind = VALUE_OBJECT, .n = object->n, .fields = object->fields};
}

static struct object new_object(struct arena *arena, uint32_t n_fields,
                                enum template_source source, struct str key, int64_t version)
{
    struct object object = {0};
    struct template_record *record = arena_alloc(arena, sizeof(*record));

    object.fields = arena_alloc(arena, (n_fields + 1) * sizeof(*object.fields));
    if (record)
        *record = (struct template_record){source, key, version};
    object.record = record;
    return object;
}

static bool is_whole(const struct object *object)
{
    return object->fields && object->record;
}

static struct template_value text_if_any(struct str text)
{
    return value_text(text.len ? text : (struct str){NULL, 0});
}

static struct template_value attributes_value(struct arena *arena, const struct str_map *map,
                                              const struct template_record *record)
{
    struct object object = {.record = record};

    object.fields = arena_alloc(arena, (map->n + 1) * sizeof(*object.fields));
    for (uint32_t i = map->n; object.fields && i > 0;
         i--) { /* later keys win: they come first */
        struct template_value value = value_text(map->at[i - 1].value);

        value.record = record;
        value.field = "attributes";
        object.fields[object.n++] = (struct template_field){map->at[i - 1].key, value};
    }
    return object_value(&object);
}

static enum status item_value(const struct candidate *c, const struct candidate_item *from,
                              struct template_value *out)
{
    const struct catalog_item *item = &from->facts->item;
    struct object object =
        new_object(c->arena, ITEM_FIELDS, SOURCE_CATALOG, item->item_id, from->facts->version);
    struct object cart = new_object(c->arena, 0, SOURCE_PERSON, item->item_id, -1);

    if (!is_whole(&object) || !is_whole(&cart))
        return ERR_NOMEM;
    add(&object, "id", value_text(item->item_id));
    add(&object, "title", text_if_any(item->title));
    add(&object, "description", text_if_any(item->description));
    add(&object, "brand", text_if_any(item->brand));
    if (item->category.n)
        add(&object, "category", text_if_any(item->category.at[item->category.n - 1]));
    add(&object, "price", value_money(item->price_e4, item->currency));
    add(&object, "url", text_if_any(item->url));
    if (item->media.n)
        add(&object, "image", text_if_any(item->media.at[0]));
    if (item->stock.has)
        add(&object, "stock", value_number((double)item->stock.value));
    add(&object, "attributes", attributes_value(c->arena, &item->attributes, object.record));
    object.record = cart.record;
    add(&object, "quantity", value_number(from->cart->quantity));
    *out = object_value(&object);
    return OK;
}

/* Of the items the text speaks of; nil if their currencies differ. */
static struct template_value total_value(const struct candidate *c)
{
    struct str currency = c->items[0].facts->item.currency;
    int64_t sum = 0, line;

    for (uint32_t i = 0; i < c->n_items; i++) {
        const struct catalog_item *item = &c->items[i].facts->item;

        if (!str_equal(item->currency, currency) ||
            __builtin_mul_overflow(item->price_e4, (int64_t)c->items[i].cart->quantity,
                                   &line) ||
            __builtin_add_overflow(sum, line, &sum))
            return (struct template_value){.kind = VALUE_NIL};
    }
    return value_money(sum, currency);
}

static enum status cart_value(const struct candidate *c, struct template_value *out)
{
    struct object object = new_object(c->arena, CART_FIELDS, SOURCE_PERSON, str_of("cart"), -1);
    struct object prices = new_object(c->arena, 0, SOURCE_CATALOG, str_of("cart"), -1);
    double quantity = 0;

    if (!is_whole(&object) || !is_whole(&prices))
        return ERR_NOMEM;
    for (uint32_t i = 0; i < c->n_items; i++)
        quantity += c->items[i].cart->quantity;
    add(&object, "count", value_number(c->n_items));
    add(&object, "quantity", value_number(quantity));
    object.record = prices.record;
    struct template_value total = total_value(c);

    add(&object, "total", total);
    if (total.kind == VALUE_MONEY)
        add(&object, "currency", value_text(c->items[0].facts->item.currency));
    *out = object_value(&object);
    return OK;
}

static enum status vars_value(const struct candidate *c, struct template_value *out)
{
    struct object object = new_object(c->arena, c->campaign->n_vars, SOURCE_CAMPAIGN,
                                      str_of(c->campaign->name), -1);

    if (!is_whole(&object))
        return ERR_NOMEM;
    for (uint32_t i = 0; i < c->campaign->n_vars; i++)
        add(&object, c->campaign->vars[i].name, value_text(str_of(c->campaign->vars[i].value)));
    *out = object_value(&object);
    return OK;
}

struct str candidate_unsubscribe_url(const struct candidate *c)
{
    const char *base = c->campaign->unsubscribe_url;
    char id[33];

    if (!base[0])
        return (struct str){NULL, 0};
    candidate_message_id(c, id);
    return arena_printf(c->arena, "%s%cmessage=%s&channel=%s", base,
                        strchr(base, '?') ? '&' : '?', id, channel_word(c->channel));
}

enum status candidate_variables(const struct candidate *c, struct template_input *out)
{
    struct template_value *items = arena_alloc(c->arena, (c->n_items + 1) * sizeof(*items));
    struct object top =
        new_object(c->arena, TOP_FIELDS, SOURCE_CAMPAIGN, str_of(c->campaign->name), -1);
    struct object link = new_object(c->arena, 0, SOURCE_LINK, (struct str){"", 0}, -1);
    struct template_value value;

    if (!items || !is_whole(&top) || !is_whole(&link))
        return ERR_NOMEM;
    for (uint32_t i = 0; i < c->n_items; i++)
        TRY(item_value(c, &c->items[i], &items[i]));
    add(&top, "items",
        (struct template_value){.kind = VALUE_ARRAY, .n = c->n_items, .items = items});
    add(&top, "item", items[0]); /* gate 6 leaves no candidate without one */
    TRY(cart_value(c, &value));
    add(&top, "cart", value);
    TRY(vars_value(c, &value));
    add(&top, "vars", value);
    add(&top, "step", value_number(c->timer->step + 1.0));
    add(&top, "arm", value_text(str_of(c->arm ? c->arm->name : "")));
    add(&top, "locale", value_text(str_of(c->copy->locale)));
    add(&top, "channel", value_text(str_of(channel_word(c->channel))));
    add(&top, "decided_at", value_number((double)(c->now_ms / 1000)));
    top.record = link.record;
    add(&top, "unsubscribe_url", value_text(candidate_unsubscribe_url(c)));
    *out = (struct template_input){top.fields, top.n, c->copy->rules, zone_name(c->zone)};
    return OK;
}
