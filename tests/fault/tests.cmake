# Allocations of our own objects go through the test's wrappers; libraries keep theirs.
target_link_options(test_allocations PRIVATE -Wl,--wrap=malloc -Wl,--wrap=calloc
                    -Wl,--wrap=realloc)
