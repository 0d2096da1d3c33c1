// The results of a sweep in an SQLite file, one row a configuration, by key. A row is committed
// when it comes, or with the next one when the last commit is less than a quarter of a second old:
// what a kill loses is simulated again. Safe from any thread; one process at a time writes (a
// second one is refused).
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sweep/described_run.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace lockstep {

struct ResultRow {
  std::string key;
  std::string config;  ///< the settings as JSON, for whoever queries the file
  Outcome outcome;
};

class ResultStore {
public:
  enum class Open { resume, restart, read_only };

  /// Makes the file and missing folders; `restart` empties it. Throws UserError when it cannot be
  /// used: no SQLite file, other columns (another version), in use.
  ResultStore(const std::filesystem::path& file, Open how);
  ~ResultStore();
  ResultStore(const ResultStore&) = delete;
  ResultStore& operator=(const ResultStore&) = delete;

  [[nodiscard]] std::vector<std::string> keys(bool failed_too = true);
  [[nodiscard]] std::optional<Outcome> find(const std::string& key);
  /// Replaces the row of this key, if there is one.
  void add(const ResultRow& row);
  /// Whatever is not committed yet.
  void commit();
  /// Adds the rows of another store; a row without error stays. Returns how many the other has.
  std::int64_t merge(ResultStore& other);

private:
  class Statement;

  void run(const std::string& sql);
  void prepare_file(Open how);
  void commit_locked();
  [[noreturn]] void fail(const std::string& doing, const std::string& mend);

  std::mutex mutex_;
  std::filesystem::path file_;
  sqlite3* database_ = nullptr;
  std::unique_ptr<Statement> insert_;
  std::unique_ptr<Statement> select_;
  bool in_transaction_ = false;
  std::chrono::steady_clock::time_point committed_;
};

}  // namespace lockstep
