#include "tests/support/test_support.h"

#include "core/load.h"
#include "core/load_table.h"
#include "schemas/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static char *folder;
static struct arena arena;
static struct error err;

static const char *write_file(const char *name, const char *text)
{
    static char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
    return path;
}

/* ---- lines and tables ---- */

static void lines_have_numbers_and_no_ends(void **state)
{
    struct line_reader *lines;
    struct str line;

    (void)state;
    assert_int_equal(line_reader_open(write_file("lines", "\xef\xbb\xbf"
                                                          "one\r\n\ntwo"),
                                      &lines, &err),
                     OK);
    assert_int_equal(line_reader_next(lines, &line, &err), OK);
    assert_int_equal(line.len, 3);
    assert_memory_equal(line.ptr, "one", 3);
    assert_int_equal(line_reader_next(lines, &line, &err), OK);
    assert_int_equal(line.len, 0);
    assert_int_equal(line_reader_next(lines, &line, &err), OK);
    assert_int_equal(line.len, 3);
    assert_int_equal(line_reader_number(lines), 3);
    assert_int_equal(line_reader_next(lines, &line, &err), ERR_NOT_FOUND);
    line_reader_close(lines);
}

/* One byte more than the limit is passed over; the line behind it is read as usual. */
static void a_line_that_is_too_long_is_passed_over(void **state)
{
    char *text = malloc(2 * LINE_BYTES_MAX + 100);
    struct line_reader *lines;
    struct str line;

    (void)state;
    memset(text, 'x', LINE_BYTES_MAX);
    text[LINE_BYTES_MAX] = '\n';
    memset(text + LINE_BYTES_MAX + 1, 'y', LINE_BYTES_MAX + 1);
    strcpy(text + 2 * LINE_BYTES_MAX + 2, "\nz\n");
    assert_int_equal(line_reader_open(write_file("long", text), &lines, &err), OK);
    assert_int_equal(line_reader_next(lines, &line, &err), OK);
    assert_int_equal(line.len, LINE_BYTES_MAX);
    assert_int_equal(line_reader_next(lines, &line, &err), ERR_FULL);
    assert_int_equal(line_reader_number(lines), 2);
    assert_int_equal(line_reader_next(lines, &line, &err), OK);
    assert_int_equal(line.len, 1);
    assert_int_equal(line_reader_number(lines), 3);
    assert_int_equal(line_reader_next(lines, &line, &err), ERR_NOT_FOUND);
    line_reader_close(lines);
    free(text);
}

static void gzip_is_unpacked_and_its_damage_told(void **state)
{
    char path[512];
    struct line_reader *lines;
    struct str line;
    gzFile out;

    (void)state;
    snprintf(path, sizeof(path), "%s/packed", folder);
    out = gzopen(path, "wb");
    for (int i = 0; i < 5000; i++)
        gzprintf(out, "line %d of the file\n", i * i);
    gzclose(out);
    assert_int_equal(line_reader_open(path, &lines, &err), OK);
    assert_int_equal(line_reader_next(lines, &line, &err), OK);
    assert_memory_equal(line.ptr, "line 0 of", 9);
    line_reader_close(lines);

    FILE *file = fopen(path, "r+");
    assert_int_equal(ftruncate(fileno(file), 4000), 0);
    fclose(file);
    assert_int_equal(line_reader_open(path, &lines, &err), OK);
    enum status status;

    while ((status = line_reader_next(lines, &line, &err)) == OK)
        ;
    assert_int_equal(status, ERR_IO);
    assert_non_null(strstr(err.text, path));
    line_reader_close(lines);
}

static struct table_reader *table;
static struct line_reader *table_lines;

static void open_table(const char *text, bool csv, char delimiter)
{
    assert_int_equal(line_reader_open(write_file("table", text), &table_lines, &err), OK);
    assert_int_equal(table_reader_open(table_lines, csv, delimiter, &table, &err), OK);
}

static void close_table(void)
{
    table_reader_close(table);
    line_reader_close(table_lines);
}

#define assert_cell(row, i, text) assert_string_equal((row).cells[i].ptr, text)

static void csv_is_rfc_4180(void **state)
{
    struct table_row row;

    (void)state;
    open_table("a,b,c\r\n \"x\" ,,3\n\n\"q \"\"r\"\"\",\"two\nlines, one cell\",\n", true, ',');
    assert_int_equal(table_reader_next(table, &row, &err), OK);
    assert_int_equal(row.n, 3);
    assert_cell(row, 2, "c");
    assert_int_equal(table_reader_next(table, &row, &err), ERR_INVALID); /* a quote amid text */
    assert_int_equal(row.line, 2);
    assert_int_equal(table_reader_next(table, &row, &err), OK);
    assert_int_equal(row.line, 4);
    assert_int_equal(row.n, 3);
    assert_cell(row, 0, "q \"r\"");
    assert_cell(row, 1, "two\nlines, one cell");
    assert_cell(row, 2, "");
    assert_int_equal(table_reader_next(table, &row, &err), ERR_NOT_FOUND);
    close_table();
}

static void a_quote_left_open_costs_its_row_only(void **state)
{
    struct table_row row;

    (void)state;
    open_table("1,2\n3,\"4\n", true, ',');
    assert_int_equal(table_reader_next(table, &row, &err), OK);
    assert_int_equal(table_reader_next(table, &row, &err), ERR_INVALID);
    assert_int_equal(row.line, 2);
    assert_int_equal(table_reader_next(table, &row, &err), ERR_NOT_FOUND);
    close_table();
}

static void tsv_has_no_quotes_and_keeps_blanks(void **state)
{
    struct table_row row;

    (void)state;
    open_table("a\t\"b\t c \n", false, '\t');
    assert_int_equal(table_reader_next(table, &row, &err), OK);
    assert_int_equal(row.n, 3);
    assert_cell(row, 1, "\"b");
    assert_cell(row, 2, " c ");
    close_table();
}

static void more_columns_than_a_row_may_have_are_refused(void **state)
{
    char *text = malloc(2 * TABLE_COLUMNS_MAX + 16);
    struct table_row row;
    size_t n = 0;

    (void)state;
    for (int i = 0; i < TABLE_COLUMNS_MAX; i++) /* one comma too many */
        text[n++] = ',';
    strcpy(text + n, "\n1,2\n");
    open_table(text, true, ',');
    assert_int_equal(table_reader_next(table, &row, &err), ERR_FULL);
    assert_int_equal(table_reader_next(table, &row, &err), OK);
    assert_int_equal(row.n, 2);
    close_table();
    free(text);
}

/* ---- mappings ---- */

#define FIELDS "  event_id: \"{id}-{#}\"\n  user_id: \"{user}\"\n  type: VIEW\n"
#define TIME "  event_time: {text: \"{time}\", time: seconds}\n"
#define HEAD "topic: clickstream\nformat: csv\n"

static enum status open_mapping(const char *text, struct mapping **out)
{
    return mapping_open(write_file("m.yaml", text), "clickstream", &click_event_type, out,
                        &err);
}

/* A row of the columns id, user, time, x through a mapping with these fields. */
static enum status click_of(const char *fields, const char *id, const char *user,
                            const char *time, const char *x, struct click_event *out)
{
    static json_t *object;
    const struct str names[] = {str_of("id"), str_of("user"), str_of("time"), str_of("x")};
    const struct str cells[] = {str_of(id), str_of(user), str_of(time), str_of(x)};
    struct mapping *mapping;
    char text[1024];
    enum status status;

    snprintf(text, sizeof(text), HEAD "fields:\n%s", fields);
    if (open_mapping(text, &mapping) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(mapping_bind(mapping, names, 4, &err), OK);
    json_decref(object); /* what the caller had is no longer looked at */
    arena_reset(&arena);
    status = mapping_row(mapping, cells, 4, 7, &object, &err);
    if (status == OK)
        status = record_from_json(&click_event_type, object, true, &arena, out, &err);
    mapping_close(mapping);
    return status;
}

static void a_row_becomes_a_record(void **state)
{
    struct click_event click;

    (void)state;
    assert_int_equal(click_of(FIELDS TIME "  item_id: \"a{{{x}}}\"\n  price: \"{x}\"\n"
                                          "  attributes: {kind: \"{x}\"}\n",
                              "e", "u", "1317454891.25", "3.5", &click),
                     OK);
    assert_memory_equal(click.event_id.ptr, "e-7", 4);
    assert_memory_equal(click.item_id.ptr, "a{3.5}", 7);
    assert_int_equal(click.event_time, 1317454891250);
    assert_int_equal(click.price_e4.value, 35000);
    assert_int_equal(click.attributes.n, 1);
    assert_int_equal(click.type, EVENT_VIEW);
}

static void an_empty_cell_is_null_where_it_may_be(void **state)
{
    struct click_event click;

    (void)state;
    assert_int_equal(click_of(FIELDS TIME "  price: \"{x}\"\n", "e", "u", "1", "", &click), OK);
    assert_false(click.price_e4.has);
    assert_int_equal(click_of(FIELDS TIME, "e", "", "1", "", &click), ERR_INVALID);
    assert_non_null(strstr(err.text, "user_id"));
    assert_int_equal(click_of(FIELDS TIME, "e", "u", "", "", &click), ERR_INVALID);
}

static int64_t zone_time(const char *text)
{
    struct click_event click;

    if (click_of(FIELDS "  event_time: {text: \"{time}\", time: \"%Y-%m-%d %H:%M\", zone: "
                        "Europe/London}\n",
                 "e", "u", text, "", &click) != OK)
        return -1;
    return click.event_time;
}

/* Summer is an hour ahead of UTC; the hours around the change of 30 October 2011, 02:00. */
static void local_times_know_their_summer(void **state)
{
    (void)state;
    assert_int_equal(zone_time("2011-10-01 08:00"), 1317452400000);
    assert_int_equal(zone_time("2011-12-01 08:00"), 1322726400000);
    assert_int_equal(zone_time("2011-10-30 00:30"), 1319931000000);
    assert_int_equal(zone_time("2011-10-30 02:30"), 1319941800000);
    assert_int_equal(zone_time("2011-10-01 08:00:01"), -1); /* more than the format reads */
    assert_int_equal(zone_time("1.10.2011"), -1);
}

static void words_are_looked_up(void **state)
{
    struct click_event click;
    const char *fields = "  event_id: e\n  user_id: \"{user}\"\n" TIME
                         "  type: {text: \"{x}\", map: {pv: VIEW, buy: ADD_TO_CART}}\n";

    (void)state;
    assert_int_equal(click_of(fields, "", "u", "1", "buy", &click), OK);
    assert_int_equal(click.type, EVENT_ADD_TO_CART);
    assert_int_equal(click_of(fields, "", "u", "1", "sell", &click), ERR_INVALID);
    assert_non_null(strstr(err.text, "'sell' is not in the map"));
}

static void rows_that_do_not_match_are_left_out(void **state)
{
    const struct str names[] = {str_of("id"), str_of("user"), str_of("time")};
    const struct str sale[] = {str_of("536365"), str_of("u"), str_of("1")};
    const struct str cancel[] = {str_of("C536365"), str_of("u"), str_of("1")};
    struct mapping *mapping;
    json_t *object;

    (void)state;
    assert_int_equal(
        open_mapping(HEAD "when: {id: \"[0-9]*\"}\nfields:\n" FIELDS TIME, &mapping), OK);
    assert_int_equal(mapping_bind(mapping, names, 3, &err), OK);
    assert_int_equal(mapping_row(mapping, sale, 3, 1, &object, &err), OK);
    assert_non_null(object);
    json_decref(object);
    assert_int_equal(mapping_row(mapping, cancel, 3, 2, &object, &err), OK);
    assert_null(object);
    mapping_close(mapping);
}

static void mistakes_are_named_with_their_line(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {HEAD "fields:\n" FIELDS, "m.yaml:4: the field 'event_time' has no default"},
        {HEAD "fields:\n" FIELDS TIME "  colour: red\n",
         ":8: the schema has no field 'colour'"},
        {HEAD "fields:\n" FIELDS TIME "  attributes: red\n", ":8: this field has fields"},
        {HEAD "fields:\n" FIELDS "  event_time: {text: \"{t}\", time: soon}\n",
         ":7: time: 'soon'"},
        {HEAD "fields:\n" FIELDS
              "  event_time: {text: \"{t}\", time: \"%Y\", zone: Europe/Lundun}\n",
         ":7: zone: 'Europe/Lundun'"},
        {HEAD "fields:\n" FIELDS "  event_time: {time: seconds}\n", ":7: text is missing"},
        {HEAD "fields:\n" FIELDS TIME "  query: \"{x\"\n", ":8: a '{' without"},
        {HEAD "fields:\n" FIELDS TIME "  query: \"x}\"\n", ":8: a '}' without"},
        {HEAD "columns: [id, user]\nfields:\n" FIELDS TIME,
         ":8: the table has no column 'time'"},
        {HEAD "rows: 5\nfields:\n" FIELDS TIME, ":3: unknown key 'rows'"},
        {"topic: orders\nformat: csv\nfields:\n" FIELDS TIME, ":1: topic is 'orders'"},
        {"topic: clickstream\nformat: xls\nfields:\n" FIELDS TIME, ":2: format must be"},
        {HEAD "delimiter: \"::\"\nfields:\n" FIELDS TIME, ":3: delimiter"},
        {"topic: clickstream\n", "must be given"},
        {"topic: [\n", "m.yaml:2"},
        {"", "is no mapping"},
    };
    struct mapping *mapping = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(open_mapping(bad[i].text, &mapping), ERR_INVALID);
        if (!strstr(err.text, bad[i].says))
            fail_msg("'%s' does not say '%s'", err.text, bad[i].says);
    }
    assert_null(mapping);
}

static void a_column_missing_in_the_header_is_named(void **state)
{
    const struct str names[] = {str_of("id"), str_of("time")};
    struct mapping *mapping;

    (void)state;
    assert_int_equal(open_mapping(HEAD "fields:\n" FIELDS TIME, &mapping), OK);
    assert_int_equal(mapping_bind(mapping, names, 2, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "m.yaml:5: the table has no column 'user'"));
    mapping_close(mapping);
}

/* ---- the shipped mappings ---- */

static uint32_t n_read(const char *mapping_path, const char *topic,
                       const struct record_type *type, const char *text, void *record,
                       uint32_t *out_bad, uint32_t *out_left)
{
    struct mapping *mapping;
    struct load_file *file;
    json_t *object;
    enum status status;
    uint32_t n = 0;

    if (mapping_open(mapping_path, topic, type, &mapping, &err) != OK ||
        load_file_open(write_file("data", text), mapping, &file, &err) != OK)
        fail_msg("%s", err.text);
    *out_bad = *out_left = 0;
    arena_reset(&arena);
    while ((status = load_file_next(file, &object, &err)) != ERR_NOT_FOUND) {
        if (status == OK && !object) {
            (*out_left)++;
            continue;
        }
        if (status == OK)
            status = record_from_json(type, object, true, &arena, record, &err);
        n += status == OK;
        *out_bad += status != OK;
        json_decref(object);
    }
    load_file_close(file);
    mapping_close(mapping);
    return n;
}

#define RETAIL_HEAD                                                                            \
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

static void the_shipped_mappings_read_their_tables(void **state)
{
    static const char retail[] = RETAIL_HEAD
        "536365,85123A,\"HOLDER, WHITE\",6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n"
        "C536379,D,Discount,-1,2010-12-01 09:41:00,27.50,14527,United Kingdom\n"
        "536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom\n"
        "536370,22728,CLOCK,24,01/12/2010,3.75,12583,France\n";
    struct click_event click;
    struct order_event order;
    uint32_t n_bad, n_left;

    (void)state;
    assert_int_equal(n_read("deploy/mappings/retail.yaml", "clickstream", &click_event_type,
                            retail, &click, &n_bad, &n_left),
                     1);
    assert_int_equal(n_left, 2); /* a cancellation, a line without a customer */
    assert_int_equal(n_bad, 1);  /* a date of another form */
    assert_int_equal(n_read("deploy/mappings/retail-orders.yaml", "orders", &order_event_type,
                            retail, &order, &n_bad, &n_left),
                     1);
    assert_int_equal(order.lines.n, 1);
    assert_int_equal(order.lines.at[0].unit_price_e4, 25500);
    assert_int_equal(order.event_time, 1291191960000);
    assert_int_equal(n_read("deploy/mappings/serenade.yaml", "clickstream", &click_event_type,
                            "SessionId\tItemId\tTime\n1\t42\t1462752000\n2\t43\tx\n", &click,
                            &n_bad, &n_left),
                     1);
    assert_int_equal(n_bad, 1);
}

static void json_lines_need_no_mapping(void **state)
{
    struct load_file *file;
    json_t *object;

    (void)state;
    assert_int_equal(load_file_open(write_file("j", "{\"a\":1}\n\n{\"a\":1,\"a\":2}\n{\n[1]"),
                                    NULL, &file, &err),
                     OK);
    assert_int_equal(load_file_next(file, &object, &err), OK);
    assert_int_equal(json_object_size(object), 1);
    json_decref(object);
    assert_int_equal(load_file_next(file, &object, &err), ERR_INVALID); /* a name twice */
    assert_int_equal(load_file_line(file), 3);
    assert_int_equal(load_file_next(file, &object, &err), ERR_INVALID);
    assert_int_equal(load_file_next(file, &object, &err), OK); /* no record, but JSON */
    json_decref(object);
    assert_int_equal(load_file_line(file), 5);
    assert_int_equal(load_file_next(file, &object, &err), ERR_NOT_FOUND);
    load_file_close(file);
}

static int open_all(void **state)
{
    (void)state;
    folder = test_make_folder();
    arena_init(&arena, 8 << 20);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    test_remove_folder(folder);
    arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_numbers_and_no_ends),
        cmocka_unit_test(a_line_that_is_too_long_is_passed_over),
        cmocka_unit_test(gzip_is_unpacked_and_its_damage_told),
        cmocka_unit_test(csv_is_rfc_4180),
        cmocka_unit_test(a_quote_left_open_costs_its_row_only),
        cmocka_unit_test(tsv_has_no_quotes_and_keeps_blanks),
        cmocka_unit_test(more_columns_than_a_row_may_have_are_refused),
        cmocka_unit_test(a_row_becomes_a_record),
        cmocka_unit_test(an_empty_cell_is_null_where_it_may_be),
        cmocka_unit_test(local_times_know_their_summer),
        cmocka_unit_test(words_are_looked_up),
        cmocka_unit_test(rows_that_do_not_match_are_left_out),
        cmocka_unit_test(mistakes_are_named_with_their_line),
        cmocka_unit_test(a_column_missing_in_the_header_is_named),
        cmocka_unit_test(the_shipped_mappings_read_their_tables),
        cmocka_unit_test(json_lines_need_no_mapping),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
