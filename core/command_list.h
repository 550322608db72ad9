/* The subcommands, in the order of --help: X(name, "one line"). Each is core/cmd_<name>.c with
 * int cmd_<name>(int argc, char **argv); argv[0] is the subcommand; returns the exit code. */
X(run, "the worker process: reads events, learns, publishes, until SIGTERM or SIGINT")
X(demo, "the whole job on an embedded broker with real sample data, shown live")
X(topics, "create or check the Kafka topics")
X(schemas, "register or check the Avro schemas at the registry")
X(load, "publish a file (JSON lines, CSV, TSV) as events")
X(inspect, "what the state directory holds, as JSON lines")
X(verify, "compute outputs again from inputs and compare bytes")
X(state, "back up, restore or check the state directory")
X(config, "check or print the settings")
X(version, "versions of the program and of its libraries")
