# What every target of the project shares, and settle_room(), which turns the architecture's arrows into
# compile errors.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(THRIFT REQUIRED IMPORTED_TARGET thrift)

# Warnings and sanitizers for our own code.
add_library(settle_flags INTERFACE)
target_compile_options(settle_flags INTERFACE -Wall -Wextra)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # With -O2 and above g++ 12 reports -Wrestrict inside std::string's own operator+ (GCC bug 105651).
  target_compile_options(settle_flags INTERFACE -Wno-restrict)
endif()
if(SETTLE_WARNINGS_AS_ERRORS)
  target_compile_options(settle_flags INTERFACE -Werror)
endif()
if(SETTLE_FAILPOINTS)
  target_compile_definitions(settle_flags INTERFACE SETTLE_FAILPOINTS=1)
endif()
if(SETTLE_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # With a sanitizer g++ reports -Wmaybe-uninitialized inside the library's own headers (GCC bug 105562).
    target_compile_options(settle_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
  add_compile_options(-fsanitize=${SETTLE_SANITIZE} -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    add_compile_options(-fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/sanitizers_ignore.txt)
  endif()
  add_link_options(-fsanitize=${SETTLE_SANITIZE})
  if(SETTLE_SANITIZE MATCHES undefined)
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

# settle_room(<name> SOURCES ... [USES <targets>] [PRIVATELY <targets>])
#
# A room is one folder of the architecture. Its headers are included as "<name>/<header>.h" and only by
# targets that name the room in USES: each room has an include root of its own, which holds nothing but a
# link to the room. An arrow that the architecture does not have is a missing header.
function(settle_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES;PRIVATELY" ${ARGN})
  set(root ${CMAKE_BINARY_DIR}/include-roots/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${name} SYMBOLIC)
  add_library(settle_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(settle_${name} PUBLIC $<BUILD_INTERFACE:${root}>)
  target_link_libraries(settle_${name}
    PUBLIC ${ROOM_USES} PRIVATE ${ROOM_PRIVATELY} $<BUILD_INTERFACE:settle_flags>)
endfunction()

# settle_with_planted_bugs(<name> <targets>...)
#
# One library from the sources of `targets`, compiled once more with the bugs of vocabulary/planted_bug.h,
# which only the simulator can switch on. Nothing that ships links it.
function(settle_with_planted_bugs name)
  add_library(${name} STATIC)
  target_compile_definitions(${name} PUBLIC SETTLE_PLANTED_BUGS=1)
  target_link_libraries(${name} PUBLIC settle_vocabulary Threads::Threads PRIVATE settle_flags)
  foreach(target ${ARGN})
    get_target_property(folder ${target} SOURCE_DIR)
    get_target_property(sources ${target} SOURCES)
    list(TRANSFORM sources PREPEND ${folder}/)
    target_sources(${name} PRIVATE ${sources})
    target_include_directories(${name} PUBLIC $<TARGET_PROPERTY:${target},INTERFACE_INCLUDE_DIRECTORIES>)
  endforeach()
endfunction()

# settle_test(<name> SOURCES ... USES ... [TIMEOUT <seconds>] [LABELS ...] [NEEDS <programs>] [FIXTURE <name>])
#
# One GoogleTest program whose tests are each a ctest of their own. NEEDS names targets that must be built
# before it runs; their folder is handed over in the environment variable SETTLE_BIN. FIXTURE names the
# ctest fixture that must have been set up.
function(settle_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT;FIXTURE" "SOURCES;USES;LABELS;NEEDS" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 60)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE ${TEST_USES} settle_flags GTest::gmock GTest::gtest_main)
  if(TEST_NEEDS)
    add_dependencies(${name} ${TEST_NEEDS})
  endif()
  # What needs no database server and no other program (scripts/sanitize --rooms).
  if(NOT TEST_NEEDS AND NOT TEST_LABELS MATCHES "e2e|postgres|models")
    set_property(GLOBAL APPEND PROPERTY settle_tests_of_rooms ${name})
  endif()
  # gtest_discover_tests loses empty values and all of a list but its first element, so each property here
  # has one value and is left out when it has none.
  set(properties TIMEOUT ${TEST_TIMEOUT})
  list(LENGTH TEST_LABELS labels)
  if(labels GREATER 1)
    message(FATAL_ERROR "settle_test(${name}): one label at most, not ${TEST_LABELS}")
  elseif(labels EQUAL 1)
    list(APPEND properties LABELS ${TEST_LABELS})
  endif()
  if(TEST_FIXTURE)
    list(APPEND properties FIXTURES_REQUIRED ${TEST_FIXTURE})
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES ${properties}
    ENVIRONMENT SETTLE_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}
    ENVIRONMENT_MODIFICATION SETTLE_SOURCE=set:${CMAKE_SOURCE_DIR})
endfunction()
