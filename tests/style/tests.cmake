# What is checked of the text itself.
set(style_dir ${PROJECT_SOURCE_DIR}/tests/style)
foreach(check layers layers_selftest readmes format)
  add_test(NAME style/${check} COMMAND ${style_dir}/check_${check}.sh)
  set_tests_properties(style/${check} PROPERTIES LABELS style TIMEOUT 120)
endforeach()
