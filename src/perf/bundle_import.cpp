#include "perf/bundle_import.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <vector>

#include "base/error.hpp"
#include "perf/bundle.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

void read_all_tables(const fs::path& dir) {
  Bundle bundle(dir);
  std::vector<std::string> warnings;
  for (const std::int64_t tp : bundle.degrees()) {
    static_cast<void>(bundle.dense(tp));
    static_cast<void>(bundle.per_sequence(tp));
    static_cast<void>(bundle.attention(tp));
    static_cast<void>(bundle.moe(tp));
    static_cast<void>(bundle.skew(tp, warnings));
  }
}

// The last four folders name the bundle.
fs::path name_of(const fs::path& dir) {
  const fs::path model = dir.parent_path();
  const fs::path owner = model.parent_path();
  return owner.parent_path().filename() / owner.filename() / model.filename() / dir.filename();
}

}  // namespace

fs::path import_bundle(const fs::path& given, const fs::path& root) {
  const fs::path bundle = fs::canonical(given);
  read_all_tables(bundle);
  const fs::path target = root / name_of(bundle);
  fs::path fresh = target;
  fresh += fmt::format(".{}.part", ::getpid());
  std::error_code failed;
  fs::create_directories(target.parent_path(), failed);
  fs::remove_all(fresh, failed);
  fs::copy(bundle, fresh, fs::copy_options::recursive, failed);
  if (!failed) {
    fs::remove_all(target, failed);
    fs::rename(fresh, target, failed);
  }
  if (failed) {
    std::error_code ignored;
    fs::remove_all(fresh, ignored);
    throw UserError(fmt::format("the bundle cannot be copied ({})", failed.message()),
                    Where{target.string(), 0, {}},
                    "choose a store on a disk with room that you may write to (--store)");
  }
  return target;
}

}  // namespace lockstep
