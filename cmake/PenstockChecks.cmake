# `cmake --build --preset checks`: everything about the source that can be checked without running it.
get_property(edges GLOBAL PROPERTY PENSTOCK_MODULE_EDGES)
string(REPLACE ";" "\n" edges_text "${edges}")
file(WRITE "${CMAKE_BINARY_DIR}/module-edges.txt" "${edges_text}\n")

find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_program(CLANG_FORMAT clang-format-19)
add_custom_target(checks
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/scripts/checks/include_direction.py
          --edges ${CMAKE_BINARY_DIR}/module-edges.txt --source ${CMAKE_SOURCE_DIR}
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/scripts/checks/file_sizes.py --source ${CMAKE_SOURCE_DIR}
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/scripts/checks/manifests.py --source ${CMAKE_SOURCE_DIR}
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/scripts/checks/format.py
          --clang-format ${CLANG_FORMAT} --source ${CMAKE_SOURCE_DIR}
  VERBATIM USES_TERMINAL)
if(PENSTOCK_TESTS)
  foreach(check include_direction file_sizes manifests format)
    set(extra "")
    if(check STREQUAL "include_direction")
      set(extra --edges ${CMAKE_BINARY_DIR}/module-edges.txt)
    elseif(check STREQUAL "format")
      set(extra --clang-format ${CLANG_FORMAT})
    endif()
    add_test(NAME checks.${check}
      COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/scripts/checks/${check}.py --source ${CMAKE_SOURCE_DIR} ${extra})
    set_tests_properties(checks.${check} PROPERTIES LABELS checks)
  endforeach()
endif()
