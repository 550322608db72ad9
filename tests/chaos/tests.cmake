# Two tests with a Kafka of their own each; the whole of it is `make chaos`. They run alone:
# what is stopped for seconds must not be mistaken for what somebody else's load delays.
set(chaos_python ${PROJECT_SOURCE_DIR}/build/venv/bin/python)
set(chaos_environment "FRESHET_BIN=$<TARGET_FILE:freshet>"
    "PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/support:${PROJECT_SOURCE_DIR}/tests"
    "ASAN_OPTIONS=detect_leaks=1")

add_test(NAME chaos/faults COMMAND ${chaos_python} -m chaos --faults 40)
set_tests_properties(chaos/faults PROPERTIES TIMEOUT 600)
set(chaos_tests chaos/faults)
if(FRESHET_MUTANTS)
  add_test(NAME chaos/mutants COMMAND ${chaos_python} -m chaos.mutants)
  set_tests_properties(chaos/mutants PROPERTIES TIMEOUT 1200)
  list(APPEND chaos_tests chaos/mutants)
endif()
set_tests_properties(${chaos_tests} PROPERTIES LABELS chaos RUN_SERIAL TRUE
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} ENVIRONMENT "${chaos_environment}")
