# Language level, warnings and the instrumented builds.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(LOCKSTEP_TESTS "Build the tests" ON)
option(LOCKSTEP_BENCH "Build the benchmarks" OFF)
option(LOCKSTEP_FUZZ "Build the fuzzers (clang only)" OFF)
set(LOCKSTEP_SANITIZE "" CACHE STRING "Sanitizers, such as address,undefined or thread")
include(LockstepPython)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE}")
endif()

# Against what a mistake could be made into: checked copies and stacks, an address space in random
# order, tables of addresses that nobody writes. A sanitizer checks more, in its own way.
add_library(lockstep_hardening INTERFACE)
if(NOT LOCKSTEP_SANITIZE)
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES CXX)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  target_compile_options(lockstep_hardening INTERFACE
    $<$<CONFIG:Release,RelWithDebInfo>:-fstack-protector-strong;-fstack-clash-protection;-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    target_compile_options(lockstep_hardening INTERFACE -fcf-protection)
  endif()
  target_link_options(lockstep_hardening INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

add_library(lockstep_flags INTERFACE)
target_link_libraries(lockstep_flags INTERFACE lockstep_hardening)
# -ffp-contract=off: a fused multiply-add would change the last bit of a product, and through a
# truncation a nanosecond.
target_compile_options(lockstep_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wold-style-cast -Wcast-align -Werror -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees overlapping copies in std::string where there are none (its bug 105651).
  target_compile_options(lockstep_flags INTERFACE -Wno-restrict)
endif()
if(LOCKSTEP_SANITIZE)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With sanitizers on it loses track of what the standard library's regex initialises.
    target_compile_options(lockstep_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
  if(LOCKSTEP_SANITIZE MATCHES thread)
    # Its fences are not seen by the sanitizer.
    target_compile_definitions(lockstep_flags INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
  target_compile_options(lockstep_flags INTERFACE
    -fsanitize=${LOCKSTEP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(lockstep_flags INTERFACE -fsanitize=${LOCKSTEP_SANITIZE})
endif()
if(LOCKSTEP_COVERAGE)
  target_compile_options(lockstep_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(lockstep_flags INTERFACE --coverage)
endif()
if(LOCKSTEP_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "LOCKSTEP_FUZZ needs clang with its libFuzzer: cmake --preset fuzz")
  endif()
  target_compile_options(lockstep_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
