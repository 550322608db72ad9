# The quality program is not a test by itself: the session files it replays are given to it.
add_executable(quality_sessions ${CMAKE_CURRENT_LIST_DIR}/sessions.c)
target_link_libraries(quality_sessions PRIVATE models)
