# Our codec against fastavro and the official avro package, over random schemas and values.
set(FRESHET_PYTHON ${PROJECT_SOURCE_DIR}/build/venv/bin/python
    CACHE FILEPATH "Python with the packages of the tests")
add_executable(avro_resolve ${CMAKE_CURRENT_LIST_DIR}/avro_resolve.c)
target_link_libraries(avro_resolve PRIVATE schemas)
add_test(NAME avro/oracle
         COMMAND ${FRESHET_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/avro_oracle.py
                 $<TARGET_FILE:avro_resolve> ${PROJECT_SOURCE_DIR}/schemas 20000)
set_tests_properties(avro/oracle PROPERTIES LABELS integration TIMEOUT 300)
