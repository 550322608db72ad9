#include "core/base/fault.h"
#include "core/cli.h"

int main(int argc, char **argv)
{
    fault_init();
    return cli_main(argc, argv);
}
