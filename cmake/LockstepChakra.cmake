# lockstep_chakra: the code that protoc makes from src/iteration/chakra.proto. Its own library, so
# that generated code is held to nobody's warning flags.
find_package(Protobuf REQUIRED)

set(chakra_proto "${PROJECT_SOURCE_DIR}/src/iteration/chakra.proto")
set(chakra_dir "${PROJECT_BINARY_DIR}/generated/chakra")
file(MAKE_DIRECTORY "${chakra_dir}")
add_custom_command(
  OUTPUT "${chakra_dir}/chakra.pb.cc" "${chakra_dir}/chakra.pb.h"
  COMMAND protobuf::protoc --proto_path "${PROJECT_SOURCE_DIR}/src/iteration"
          --cpp_out "${chakra_dir}" "${chakra_proto}"
  DEPENDS "${chakra_proto}"
  VERBATIM)

add_library(lockstep_chakra STATIC "${chakra_dir}/chakra.pb.cc" "${chakra_dir}/chakra.pb.h")
target_include_directories(lockstep_chakra SYSTEM PUBLIC "${PROJECT_BINARY_DIR}/generated")
target_link_libraries(lockstep_chakra PUBLIC protobuf::libprotobuf-lite PRIVATE lockstep_hardening)
