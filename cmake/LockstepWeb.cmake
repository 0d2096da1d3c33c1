# The report page web/dist/report.html becomes a part of the report room. The file is in the
# repository, so that no build needs node; a test rebuilds it from web/src where npm is there.
set(page "${PROJECT_SOURCE_DIR}/web/dist/report.html")
set(page_source "${PROJECT_BINARY_DIR}/generated/report_page.cpp")
configure_file("${PROJECT_SOURCE_DIR}/cmake/report_page.cpp.in" "${page_source}" @ONLY)
set_source_files_properties("${page_source}" PROPERTIES OBJECT_DEPENDS "${page}")
add_library(lockstep_page STATIC "${page_source}")
target_include_directories(lockstep_page PRIVATE "${PROJECT_SOURCE_DIR}/src")
target_link_libraries(lockstep_report PRIVATE lockstep_page)
