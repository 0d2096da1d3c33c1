// The text of a table's file, whatever wraps it: plain CSV, CSV compressed with Zstandard, or
// Parquet. Parquet is read by the pyarrow (else pandas or polars) of the user's own Python: no
// reader for it is packaged for C++ where this project builds, and those who have such files have
// a Python that reads them.
#pragma once

#include <filesystem>
#include <string>

namespace lockstep {

/// Throws UserError when the file cannot be read; for Parquet without a reader it says how to get
/// one. The interpreter is $LOCKSTEP_PYTHON, else python3.
[[nodiscard]] std::string read_table_text(const std::filesystem::path& file);

}  // namespace lockstep
