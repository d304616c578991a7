# settle_embed_sql(<set>)
#
# Turns migrations/<set>/NNNN_<what>.sql into a library settle_migrations_<set>, so that a program
# carries its migrations with it. Its users write
#
#   #include "migrations/<set>.h"
#   for (const settle::Migration& migration : settle::migrations::<set>()) ...
#
# Numbers start at 0001 and have no gap; the build fails otherwise. A published file is never edited:
# what it made is out there. A new file is picked up at the next build.
function(settle_embed_sql set)
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${set})
  set(root ${CMAKE_BINARY_DIR}/include-roots/migrations_${set})
  file(MAKE_DIRECTORY ${root}/migrations)
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/migration.h ${root}/migrations/migration.h SYMBOLIC)
  file(GLOB scripts CONFIGURE_DEPENDS ${folder}/*.sql)
  set(generator ${CMAKE_SOURCE_DIR}/cmake/GenerateEmbeddedSql.cmake)
  add_custom_command(
    OUTPUT ${root}/migrations/${set}.h ${root}/migrations/${set}.cc
    COMMAND ${CMAKE_COMMAND}
      -D SET=${set} -D FOLDER=${folder} -D OUT=${root}/migrations -P ${generator}
    DEPENDS ${scripts} ${generator}
    COMMENT "Embedding migrations/${set}"
    VERBATIM)
  add_library(settle_migrations_${set} STATIC
    ${root}/migrations/${set}.cc ${root}/migrations/${set}.h)
  target_include_directories(settle_migrations_${set} PUBLIC $<BUILD_INTERFACE:${root}>)
  target_link_libraries(settle_migrations_${set} PRIVATE $<BUILD_INTERFACE:settle_flags>)
endfunction()
