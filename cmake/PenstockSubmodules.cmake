# Adds the listed module folders that have a CMakeLists.txt, in the order of the allowed dependencies.
macro(penstock_submodules)
  foreach(submodule ${ARGN})
    if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${submodule}/CMakeLists.txt")
      add_subdirectory(${submodule})
    endif()
  endforeach()
endmacro()
