#include "perf/tables/table_text.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/error.hpp"
#include "base/read_log.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = std::size_t{4} << 30;  // of text: more is no table of ours

[[noreturn]] void refuse(const fs::path& file, const std::string& problem,
                         const std::string& mend) {
  throw UserError(problem, Where{file.string(), 0, {}}, mend);
}

std::string read_bytes(const fs::path& file) {
  ReadLog::note(file, "kernel times");
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    refuse(file, "cannot read this file", "check that it exists and that you may read it");
  }
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return std::move(bytes).str();
}

std::string decompressed(const fs::path& file, const std::string& bytes) {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  ensure(context != nullptr, "memory for a decompressor");
  std::string text;
  std::string block(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::size_t left = 1;
  while (left != 0) {
    ZSTD_outBuffer out{block.data(), block.size(), 0};
    const std::size_t before = in.pos;
    left = ZSTD_decompressStream(context.get(), &out, &in);
    const bool stuck = left != 0 && out.pos == 0 && in.pos == before;
    if (ZSTD_isError(left) != 0 || stuck || text.size() + out.pos > kMostBytes) {
      refuse(file, "this file does not decompress (Zstandard): it is damaged or cut short",
             "copy it again from where it came from");
    }
    text.append(block.data(), out.pos);
  }
  return text;
}

constexpr const char* kReader = R"py(
import sys
path = sys.argv[1]
try:
    import pyarrow.parquet, pyarrow.csv
    pyarrow.csv.write_csv(pyarrow.parquet.read_table(path), sys.stdout.buffer)
except ImportError:
    try:
        import pandas
        pandas.read_parquet(path).to_csv(sys.stdout, index=False)
    except ImportError:
        try:
            import polars
            sys.stdout.write(polars.read_parquet(path).write_csv())
        except ImportError:
            sys.exit(87)
)py";

// Runs the interpreter on the reader above without a shell; its standard output.
std::string from_parquet(const fs::path& file) {
  const char* given = std::getenv("LOCKSTEP_PYTHON");
  const char* python = given != nullptr && *given != '\0' ? given : "python3";
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) {
    refuse(file, "cannot start a reader for this Parquet file", "try again");
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::execlp(python, python, "-c", kReader, file.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 65536> block{};
  for (ssize_t got = 0; (got = ::read(ends[0], block.data(), block.size())) > 0;) {
    text.append(block.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    refuse(file, "cannot start a reader for this Parquet file", "try again");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    refuse(file,
           code == 87 || code == 127
               ? fmt::format("Parquet is read through Python, and {} has no reader for it", python)
               : fmt::format("{} could not read this Parquet file", python),
           "install pyarrow (pip install pyarrow), or set LOCKSTEP_PYTHON to a Python that has it; "
           "or give the table as CSV");
  }
  return text;
}

}  // namespace

std::string read_table_text(const fs::path& file) {
  if (file.extension() == ".parquet") {
    return from_parquet(file);
  }
  std::string bytes = read_bytes(file);
  return file.extension() == ".zst" ? decompressed(file, bytes) : bytes;
}

}  // namespace lockstep
