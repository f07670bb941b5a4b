# How Lowbit links MLIR, and the one precompiled header that every target reuses.
# Nothing else in the project knows about libMLIR: `LINK_LIBS MLIRIR` would pull static
# archives beside the shared library and give the process two worlds of TypeIDs.

# add_lowbit_library(name SRCS … [TABLEGEN targets…] [LIBS our libraries…])
# MLIR's shared library holds all of upstream, so no component list is needed.
function(add_lowbit_library name)
  cmake_parse_arguments(ARG "" "" "SRCS;TABLEGEN;LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_SRCS})
  llvm_update_compile_flags(${name})
  target_link_libraries(${name} PUBLIC ${ARG_LIBS} MLIR LLVM)
  if(ARG_TABLEGEN)
    add_dependencies(${name} ${ARG_TABLEGEN})
  endif()
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include> $<INSTALL_INTERFACE:include>)
  lowbit_use_precompiled_header(${name})
  install(TARGETS ${name} EXPORT LowbitTargets ARCHIVE DESTINATION lib COMPONENT development)
endfunction()

# add_lowbit_tool(name SRCS … LIBS our libraries…)
function(add_lowbit_tool name)
  cmake_parse_arguments(ARG "" "" "SRCS;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SRCS})
  llvm_update_compile_flags(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} MLIR LLVM)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${LLVM_RUNTIME_OUTPUT_INTDIR}
    POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC) # as the precompiled header has it; -fPIE would not match
  lowbit_use_precompiled_header(${name})
endfunction()

# add_lowbit_plugin(name SRCS … LIBS our libraries…): a module that a stock mlir-opt 22 loads.
# It links no MLIR of its own beyond the shared library that mlir-opt has loaded already.
function(add_lowbit_plugin name)
  cmake_parse_arguments(ARG "" "" "SRCS;LIBS" ${ARGN})
  add_library(${name} MODULE ${ARG_SRCS})
  llvm_update_compile_flags(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} MLIR LLVM)
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${LLVM_LIBRARY_OUTPUT_INTDIR})
  lowbit_use_precompiled_header(${name})
endfunction()

# Lets another project say find_package(Lowbit), from the build tree or from an installation.
function(lowbit_export_package)
  include(CMakePackageConfigHelpers)
  set(destination lib/cmake/lowbit)
  export(EXPORT LowbitTargets FILE ${PROJECT_BINARY_DIR}/${destination}/LowbitTargets.cmake)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/LowbitConfig.cmake.in
    ${PROJECT_BINARY_DIR}/${destination}/LowbitConfig.cmake INSTALL_DESTINATION ${destination})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/${destination}/LowbitConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(EXPORT LowbitTargets DESTINATION ${destination} COMPONENT development)
  install(FILES ${PROJECT_BINARY_DIR}/${destination}/LowbitConfig.cmake ${PROJECT_BINARY_DIR}/${destination}/LowbitConfigVersion.cmake
    DESTINATION ${destination} COMPONENT development)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ ${PROJECT_BINARY_DIR}/include/ DESTINATION include COMPONENT development
    FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.inc" PATTERN CMakeFiles EXCLUDE)
endfunction()

# One header, compiled once: MLIR's big headers cost 7 to 20 seconds a file without it.
function(lowbit_make_precompiled_header)
  file(WRITE ${PROJECT_BINARY_DIR}/LowbitPCH.cpp "")
  add_library(LowbitPCH STATIC ${PROJECT_BINARY_DIR}/LowbitPCH.cpp)
  llvm_update_compile_flags(LowbitPCH)
  target_compile_options(LowbitPCH PUBLIC $<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-Xclang -fno-pch-timestamp>)
  target_precompile_headers(LowbitPCH PRIVATE ${PROJECT_SOURCE_DIR}/lib/Precompiled.h)
endfunction()

function(lowbit_use_precompiled_header target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-Xclang -fno-pch-timestamp>)
  target_precompile_headers(${target} REUSE_FROM LowbitPCH)
endfunction()
