# Every test_<name>.py in this folder is one test, labelled "integration". A line
#
#   # ctest: shared-kafka serial tsan timeout=300
#
# near its top says what it needs:
#   shared-kafka  the broker and registry that a fixture starts once for all of them
#   serial        runs alone (it measures time, or fills the machine)
#   tsan          is registered a second time with the thread-sanitizer program, labelled
#                 "threads", where there is one (FRESHET_TSAN_BUILD)
#   release       runs with the release program (it measures memory), and only where there is one
#                 (FRESHET_RELEASE_BUILD)
#   timeout=S     seconds; 300 if not said
set(FRESHET_PYTHON ${PROJECT_SOURCE_DIR}/build/venv/bin/python CACHE FILEPATH
    "Python with deploy/requirements.txt")
set(FRESHET_TSAN_BUILD "" CACHE PATH "a build folder of the tsan preset, whose tests run here too")
set(FRESHET_RELEASE_BUILD "" CACHE PATH "a build folder of the release preset, for what measures memory")
set(integration_dir ${PROJECT_SOURCE_DIR}/tests/integration)
set(kafka_sh ${PROJECT_SOURCE_DIR}/deploy/kafka/kafka.sh)
set(shared_kafka ${CMAKE_BINARY_DIR}/shared-kafka)

add_test(NAME integration/kafka-up COMMAND ${kafka_sh} up ${shared_kafka} --with-parent)
add_test(NAME integration/kafka-down COMMAND ${kafka_sh} down ${shared_kafka})
set_tests_properties(integration/kafka-up PROPERTIES FIXTURES_SETUP shared-kafka TIMEOUT 180)
set_tests_properties(integration/kafka-down PROPERTIES FIXTURES_CLEANUP shared-kafka TIMEOUT 60)

function(integration_test name file binary sanitizer_options label)
  add_test(NAME ${name} COMMAND ${FRESHET_PYTHON} ${file})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 300
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    ENVIRONMENT "FRESHET_BIN=${binary};PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/support;${sanitizer_options}")
  file(STRINGS ${file} header REGEX "^# ctest:" LIMIT_COUNT 1)
  separate_arguments(words UNIX_COMMAND "${header}")
  if("shared-kafka" IN_LIST words)
    set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED shared-kafka)
    set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT FRESHET_SHARED_KAFKA=${shared_kafka}.env)
  endif()
  if("serial" IN_LIST words)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
  if(header MATCHES "timeout=([0-9]+)")
    set_tests_properties(${name} PROPERTIES TIMEOUT ${CMAKE_MATCH_1})
  endif()
endfunction()

set(tsan_options "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp:ignore_noninstrumented_modules=1:halt_on_error=0:exitcode=66")
file(GLOB integration_tests CONFIGURE_DEPENDS ${integration_dir}/test_*.py)
foreach(file IN LISTS integration_tests)
  get_filename_component(name ${file} NAME_WE)
  # A changed header is seen at the next build.
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(STRINGS ${file} release REGEX "^# ctest:.* release( |$)" LIMIT_COUNT 1)
  if(NOT release)
    integration_test(integration/${name} ${file} $<TARGET_FILE:freshet>
                     "ASAN_OPTIONS=detect_leaks=1" integration)
  elseif(FRESHET_RELEASE_BUILD)
    integration_test(integration/${name} ${file} ${FRESHET_RELEASE_BUILD}/freshet "" integration)
  endif()
  file(STRINGS ${file} tsan REGEX "^# ctest:.* tsan( |$)" LIMIT_COUNT 1)
  if(FRESHET_TSAN_BUILD AND tsan)
    integration_test(threads/${name} ${file} ${FRESHET_TSAN_BUILD}/freshet "${tsan_options}" threads)
  endif()
endforeach()

# Unit tests that say "ctest: tsan" in a comment line are built as tsan_tests in the tsan tree, and
# run from here, so that one ctest run is everything.
set(tsan_tests "")
foreach(source IN LISTS unit_tests)
  file(STRINGS ${source} tsan REGEX "ctest: tsan" LIMIT_COUNT 1)
  if(tsan)
    get_filename_component(name ${source} NAME_WE)
    list(APPEND tsan_tests ${name})
    if(FRESHET_TSAN_BUILD)
      add_test(NAME threads/${name} COMMAND ${FRESHET_TSAN_BUILD}/tests/${name}
               WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
      set_tests_properties(threads/${name} PROPERTIES LABELS threads TIMEOUT 300
                           ENVIRONMENT "${tsan_options}")
    endif()
  endif()
endforeach()
add_custom_target(tsan_tests)
if(tsan_tests)
  add_dependencies(tsan_tests ${tsan_tests})
endif()
