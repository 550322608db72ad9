/* The bytes of `freshet inspect`: two runs are compared by them, so they never change unseen.
 */
#include "tests/support/test_support.h"

#include "core/inspect.h"
#include "features/user_codec.h"
#include "schemas/task_position.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *folder;
static struct state_db *db;
static struct error err;

static struct state_db *open_db(bool read_only)
{
    char path[512];
    struct state_db *opened;

    snprintf(path, sizeof(path), "%s/db", folder);
    if (state_db_open(&(struct state_db_options){.dir = path,
                                                 .app = "shop",
                                                 .cluster = read_only ? "" : "c1",
                                                 .memtable_bytes = 1 << 20,
                                                 .block_cache_bytes = 1 << 20,
                                                 .read_only = read_only},
                      &opened, &err) != OK)
        fail_msg("%s", err.text);
    return opened;
}

static void put_user(struct state_write *write, uint16_t task, const struct user_state *user)
{
    static uint8_t bytes[USER_BYTES_MAX];
    uint32_t n = user_encode(user, bytes, sizeof(bytes));

    assert_int_not_equal(n, 0);
    state_write_user(write, task, user->user_id, (const char *)bytes, n);
}

/* Somebody with something in every field. */
static void fill_user(struct user_state *user)
{
    user_state_init(user, str_of("anna \"a\" \xc3\xb6"));
    user->n_events = 3;
    user->first_ms = 1317454885000;
    user->last_ms = 1317454900000;
    user->session_start_ms = 1317454885000;
    user->n_items = 2;
    user->n_session = 1;
    user->items[0] = (struct user_item){
        .item = 0x1122334455667788, .time_ms = 1317454900000, .action = ACTION_VIEW, .n = 1};
    user->items[1] = (struct user_item){
        .item = 0xab, .time_ms = 1317454885000, .action = ACTION_ADD_TO_CART, .n = 2};
    user->n_counters = 3;
    user->counters_ms = 1317454900000;
    user->counters[0] = 1.9999971f;
    user->counters[1] = 1;
    user->n_qualifying = 3;
    user->n_event_ids = 1;
    user->event_ids[0] = 0xfedc;
    user->n_cart = 2;
    user->cart_ms = 1317454891000;
    user->cart_currency = str_of("GBP");
    user->cart[0] = (struct cart_item){0, str_of("22138"), 2, 49500, 1317454891000};
    user->cart[1] = (struct cart_item){0, str_of("22139"), 1, -1, 1317454891000};
    user->profile_ms = 1317250800000;
    user->locale = str_of("de-DE");
    user->quiet_from_min = 21 * 60;
    user->quiet_to_min = 8 * 60 + 5;
    user->n_consents = 1;
    user->consents[0] =
        (struct user_consent){CHANNEL_EMAIL, PURPOSE_MARKETING, true, 1317250800000};
    user->n_timers = 1;
    user->timers[0] = (struct user_timer){7,
                                          1,
                                          1u << CHANNEL_EMAIL | 1u << CHANNEL_PUSH,
                                          1317454891000,
                                          1317458491000,
                                          1317458490000,
                                          str_of("a569224-0")};
    user->n_sends = 1;
    user->sends[0] = (struct user_send){1317454895000, CHANNEL_PUSH, PURPOSE_MARKETING};
}

static int make_state(void **state)
{
    static struct user_state user;
    static struct task_position position;
    static uint8_t bytes[POSITION_BYTES_MAX];
    struct state_write *write = state_write_open();
    struct state_db *made;

    (void)state;
    folder = test_make_folder();
    made = open_db(false);
    user_state_init(&user, str_of("zoe"));
    user.n_events = 1;
    user.first_ms = user.last_ms = user.session_start_ms = 1317454885000;
    put_user(write, 0, &user);
    user.user_id = str_of("bob"); /* written last, read first within its partition */
    put_user(write, 0, &user);
    fill_user(&user);
    put_user(write, 258, &user);
    task_position_init(&position);
    position.number = 41;
    position.next[INPUT_CLICKSTREAM] = 1000;
    position.max_time_ms[INPUT_CLICKSTREAM] = 1317454900000;
    position.clock_ms = 1317454900000;
    position.items_offset = 8954;
    position.n_catalog = 1;
    position.catalog_offset[0] = 2911;
    position.wall_ms = 1795519068121;
    strcpy(position.rules_version, "00112233445566778899aabbccddeeff");
    strcpy(position.transactional_id, "shop-i1-0");
    state_write_position(write, 258, (const char *)bytes,
                         task_position_encode(&position, bytes, sizeof(bytes)));
    state_write_watermark(write, 258, &(struct task_watermark){77, 1795519068200});
    state_write_watermark(write, 3, &(struct task_watermark){0, 1795519068200}); /* new */
    assert_int_equal(state_db_commit(made, write, &err), OK);
    state_write_close(write);
    state_db_close(made);
    db = open_db(true);
    return 0;
}

static int drop_state(void **state)
{
    (void)state;
    state_db_close(db);
    test_remove_folder(folder);
    return 0;
}

/* The golden file's text; FRESHET_GOLDEN=write makes it anew, to be looked at before it is
 * committed. */
static void expect_golden(const char *name, const char *text, size_t n)
{
    const char *wish = getenv("FRESHET_GOLDEN");
    bool write = wish && strcmp(wish, "write") == 0;
    char path[256];
    char *golden = calloc(1, 1 << 20);
    FILE *file;

    snprintf(path, sizeof(path), "tests/golden/%s", name);
    file = fopen(path, write ? "w" : "r");
    assert_non_null(file);
    if (write)
        assert_int_equal(fwrite(text, 1, n, file), n);
    size_t size = write ? n : fread(golden, 1, 1 << 20, file);

    fclose(file);
    if (!write) {
        assert_string_equal(text, golden);
        assert_int_equal(n, size);
    }
    free(golden);
}

static void people_come_in_key_order_with_every_field(void **state)
{
    char *text;
    size_t n;
    FILE *out = open_memstream(&text, &n);

    (void)state;
    assert_int_equal(inspect_users(db, out, &err), OK);
    fclose(out);
    expect_golden("inspect_users.jsonl", text, n);
    free(text);
}

static void positions_are_lines_of_their_own(void **state)
{
    char *text;
    size_t n;
    FILE *out = open_memstream(&text, &n);

    (void)state;
    assert_int_equal(inspect_offsets(db, out, &err), OK);
    fclose(out);
    expect_golden("inspect_offsets.jsonl", text, n);
    free(text);
}

static void one_person_is_found_in_any_partition(void **state)
{
    char *text, *all;
    size_t n, n_all;
    FILE *out = open_memstream(&text, &n), *out_all = open_memstream(&all, &n_all);

    (void)state;
    assert_int_equal(inspect_users(db, out_all, &err), OK);
    assert_int_equal(inspect_user(db, str_of("anna \"a\" \xc3\xb6"), out, &err), OK);
    fclose(out);
    fclose(out_all);
    assert_non_null(strstr(all, text)); /* the same line */
    assert_non_null(strstr(text, "\"task\":258"));
    free(text);
    free(all);
    assert_int_equal(inspect_user(db, str_of("nobody"), stdout, &err), ERR_NOT_FOUND);
}

static void a_full_disk_is_an_error(void **state)
{
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(inspect_users(db, full, &err), ERR_IO);
    assert_non_null(strstr(err.text, "No space left"));
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_come_in_key_order_with_every_field),
        cmocka_unit_test(positions_are_lines_of_their_own),
        cmocka_unit_test(one_person_is_found_in_any_partition),
        cmocka_unit_test(a_full_disk_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_state, drop_state);
}
