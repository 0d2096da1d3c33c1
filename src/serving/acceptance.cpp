#include "serving/acceptance.hpp"

namespace lockstep {
namespace {

constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15U;

std::uint64_t finish(std::uint64_t z) {
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

/// In [0, 1).
double draw(std::int64_t seed, std::int64_t request, std::int64_t position) {
  std::uint64_t state = finish(static_cast<std::uint64_t>(seed) + kGamma);
  state = finish(state + (static_cast<std::uint64_t>(request) + 1) * kGamma);
  state = finish(state + (static_cast<std::uint64_t>(position) + 1) * kGamma);
  return static_cast<double>(state >> 11U) * 0x1.0p-53;
}

}  // namespace

std::int64_t accepted_drafts(const Speculation& speculation, std::int64_t request,
                             std::int64_t position, std::int64_t drafts) {
  std::int64_t accepted = 0;
  while (accepted < drafts &&
         draw(speculation.seed, request, position + accepted) < speculation.acceptance) {
    ++accepted;
  }
  return accepted;
}

}  // namespace lockstep
