// What the targets share. A target takes any bytes: it may refuse them as a user is refused, and
// must neither crash, hang, nor take memory beyond all proportion.
//
// With LOCKSTEP_FUZZ every target is a program of libFuzzer's; otherwise all of them are in one
// program that replays the corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

namespace lockstep::fuzz {

using Target = void (*)(std::string_view bytes);

/// Adds a target to the program that replays.
bool add_target(std::string_view name, Target target);

/// Runs what reads the bytes. A refusal has to say what is wrong, and where or how to mend it;
/// anything else that is thrown goes through.
void expect_answer(void (*reads)(std::string_view), std::string_view bytes);

/// A file of this process that holds the bytes, for readers that take no text. Its name ends in
/// `name`; the next call with the same name replaces it.
[[nodiscard]] std::filesystem::path file_of(std::string_view bytes, std::string_view name);

/// Splits off the first byte as a number below `choices`, for targets with several forms.
[[nodiscard]] std::size_t take_choice(std::string_view& bytes, std::size_t choices);

}  // namespace lockstep::fuzz

#ifdef LOCKSTEP_FUZZING
#define LOCKSTEP_FUZZ_TARGET(name, reads)                                              \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);   \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {  \
    lockstep::fuzz::expect_answer(reads, {reinterpret_cast<const char*>(data), size}); \
    return 0;                                                                          \
  }
#else
#define LOCKSTEP_FUZZ_TARGET(name, reads)                                \
  namespace {                                                            \
  const bool name##_is_added = lockstep::fuzz::add_target(#name, reads); \
  }
#endif
