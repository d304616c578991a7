# What `cmake --install` puts where, by GNUInstallDirs: the programs, and what other projects build against. The
# coordinator's libraries, private headers and the build's include roots stay here. A component is a Debian package of
# packaging/CMakeLists.txt.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME libsettle-dev)

install(TARGETS settled COMPONENT settled)
install(TARGETS settle COMPONENT settle)

# --- the participant SDK for find_package(settle): one export a component, so that who uses SQLite alone needs no
# libpq. What only the archives themselves need is exported with them and is nobody's to name.
set_target_properties(settle_sdk PROPERTIES EXPORT_NAME sdk)
set_target_properties(settle_sdk_headers PROPERTIES EXPORT_NAME headers)
set_target_properties(settle_vocabulary PROPERTIES EXPORT_NAME vocabulary)
set_target_properties(settle_branch_machine PROPERTIES EXPORT_NAME branch_machine)
set_target_properties(settle_barrier PROPERTIES EXPORT_NAME barrier)
set_target_properties(settle_quorum PROPERTIES EXPORT_NAME quorum)
set_target_properties(settle_peer PROPERTIES EXPORT_NAME peer)
set_target_properties(settle_channel PROPERTIES EXPORT_NAME channel)
set_target_properties(settle_server PROPERTIES EXPORT_NAME server)
set_target_properties(settle_transport PROPERTIES EXPORT_NAME transport)
set_target_properties(settle_wire PROPERTIES EXPORT_NAME wire)
set_target_properties(settle_postgres PROPERTIES EXPORT_NAME postgres)
set_target_properties(settle_sqlite PROPERTIES EXPORT_NAME sqlite)
set_target_properties(settle_migrations_postgresql PROPERTIES EXPORT_NAME migrations_postgresql)
set_target_properties(settle_migrations_sqlite PROPERTIES EXPORT_NAME migrations_sqlite)

install(TARGETS settle_sdk settle_sdk_headers settle_vocabulary settle_branch_machine settle_barrier settle_channel
  settle_quorum settle_peer settle_server settle_transport settle_wire EXPORT settle-sdk)
install(TARGETS settle_postgres settle_migrations_postgresql EXPORT settle-postgres)
install(TARGETS settle_sqlite settle_migrations_sqlite EXPORT settle-sqlite)
install(DIRECTORY participant-sdk/include/settle DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/settle)
foreach(component sdk postgres sqlite)
  install(EXPORT settle-${component} NAMESPACE settle:: DESTINATION ${package})
endforeach()
set(thrift_directory ${CMAKE_INSTALL_DATADIR}/settle/thrift)
configure_package_config_file(cmake/settle-config.cmake.in ${CMAKE_BINARY_DIR}/package/settle-config.cmake
  INSTALL_DESTINATION ${package} PATH_VARS thrift_directory)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/settle-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(DIRECTORY ${CMAKE_BINARY_DIR}/package/ DESTINATION ${package})

# --- the wire contract, for other languages
install(DIRECTORY thrift/ DESTINATION ${thrift_directory} FILES_MATCHING PATTERN "*.thrift" PATTERN "channel" EXCLUDE PATTERN "server" EXCLUDE)

# --- what people read, laid out so that the README's links lead there
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT settle)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT settle)
# In a package its own debian/copyright stands for it.
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright COMPONENT license)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} USE_SOURCE_PERMISSIONS
  PATTERN "__pycache__" EXCLUDE)
