/*
 * freshet version: what a report of a fault should begin with.
 *
 * Where a library can say at run time which one it is, it is asked; the others are what the
 * program was built with.
 */
#include "core/cli.h"

#include <cblas.h>
#include <curl/curl.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <microhttpd.h>
#include <unicode/uvernum.h>
#include <xxhash.h>
#include <yaml.h>

struct version {
    const char *name, *text;
};

static void print(const struct version *versions, int n, bool json)
{
    for (int i = 0; i < n; i++) {
        if (json)
            printf("%s\"%s\":\"%s\"%s", i ? "," : "{", versions[i].name, versions[i].text,
                   i == n - 1 ? "}\n" : "");
        else
            printf("%-14s %s\n", versions[i].name, versions[i].text);
    }
}

int cmd_version(int argc, char **argv)
{
    bool json = false;
    const struct option_spec options[] = {
        {"json", 0, OPTION_FLAG, NULL, "one JSON object", &json, false}, {0}};
    const struct command_spec spec = {
        "version",
        NULL,
        0,
        "The version of the program and of the libraries it uses.",
        "freshet version --json",
        options};
    const char *words[CLI_WORDS_MAX];
    char xxhash[32];
    int exit_code;

    if (!cli_parse(&spec, argc, argv, words, &exit_code))
        return exit_code;
    snprintf(xxhash, sizeof(xxhash), "%u.%u.%u", XXH_versionNumber() / 10000,
             XXH_versionNumber() / 100 % 100, XXH_versionNumber() % 100);
    const struct version versions[] = {
        {"freshet", FRESHET_VERSION},
        {"revision", FRESHET_REVISION[0] ? FRESHET_REVISION : "unknown"},
        {"build", FRESHET_BUILD_TYPE},
        {"compiler", __VERSION__},
        {"librdkafka", rd_kafka_version_str()},
        {"avro-c", FRESHET_AVRO_VERSION},
        {"rocksdb", FRESHET_ROCKSDB_VERSION},
        {"openblas", openblas_get_config()},
        {"libcurl", curl_version_info(CURLVERSION_NOW)->version},
        {"libmicrohttpd", MHD_get_version()},
        {"jansson", jansson_version_str()},
        {"libyaml", yaml_get_version_string()},
        {"icu", U_ICU_VERSION},
        {"xxhash", xxhash},
    };

    print(versions, sizeof(versions) / sizeof(versions[0]), json);
    return CLI_DONE;
}
