#include "sweep/result_store.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>
#include <limits>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

/// A prepared statement; columns and parameters as SQLite counts them.
class ResultStore::Statement {
public:
  Statement(ResultStore& store, const std::string& sql) : store_(store) {
    if (sqlite3_prepare_v2(store.database_, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) {
      store.fail("read its table", "it is of another version: give another --output or --restart");
    }
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(int place, const std::string& text) {
    sqlite3_bind_text64(statement_, place, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  void bind(int place, double value) {
    std::isnan(value) ? sqlite3_bind_null(statement_, place)
                      : sqlite3_bind_double(statement_, place, value);
  }
  void bind_null(int place) { sqlite3_bind_null(statement_, place); }

  /// True: there is a row.
  bool step() {
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
      store_.fail("use it", "look at the disk, and that no other process uses the file");
    }
    return code == SQLITE_ROW;
  }
  void reset() { sqlite3_reset(statement_); }

  [[nodiscard]] std::string text(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(bytes, size);
  }
  [[nodiscard]] double number(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL
               ? std::numeric_limits<double>::quiet_NaN()
               : sqlite3_column_double(statement_, column);
  }

private:
  ResultStore& store_;
  sqlite3_stmt* statement_ = nullptr;
};

namespace {

std::string quoted_columns(std::string_view suffix) {
  std::string text;
  for (const std::string_view name : figure_names()) {
    text += fmt::format(", \"{}\"{}", name, suffix);
  }
  return text;
}

constexpr int kFirstFigure = 3;  ///< after key, config, error

}  // namespace

ResultStore::ResultStore(const std::filesystem::path& file, Open how) : file_(file) {
  std::error_code ignored;
  if (file.has_parent_path() && how != Open::read_only) {
    std::filesystem::create_directories(file.parent_path(), ignored);
  }
  const int flags =
      how == Open::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (sqlite3_open_v2(file.c_str(), &database_, flags, nullptr) != SQLITE_OK) {
    fail("open it", "check the folder and your permissions, or give another --output");
  }
  try {
    if (how != Open::read_only) {
      prepare_file(how);
      insert_ = std::make_unique<Statement>(
          *this, fmt::format("INSERT OR REPLACE INTO results VALUES(?, ?, ?{})", [] {
            std::string marks;
            for (std::size_t i = 0; i < figure_names().size(); ++i) {
              marks += ", ?";
            }
            return marks;
          }()));
    }
    select_ = std::make_unique<Statement>(
        *this,
        fmt::format("SELECT key, config, error{} FROM results WHERE key = ?", quoted_columns("")));
  } catch (...) {
    insert_.reset();
    select_.reset();
    sqlite3_close(database_);
    throw;
  }
}

ResultStore::~ResultStore() {
  try {
    commit();
  } catch (const UserError&) {  // as after a kill: what was not committed is simulated again
  }
  insert_.reset();
  select_.reset();
  sqlite3_close(database_);
}

void ResultStore::run(const std::string& sql) {
  if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail("use it", "is it an SQLite file, and used by no other process? Or give another --output");
  }
}

void ResultStore::prepare_file(Open how) {
  // One writer: the lock is taken with the first write and kept, and dies with its process.
  run("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = NORMAL; BEGIN EXCLUSIVE; COMMIT");
  if (how == Open::restart) {
    run("DROP TABLE IF EXISTS results");
  }
  run(
      fmt::format("CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, config TEXT NOT NULL, "
                  "error TEXT{}) WITHOUT ROWID",
                  quoted_columns(" REAL")));
}

std::vector<std::string> ResultStore::keys(bool failed_too) {
  const std::lock_guard lock(mutex_);
  Statement list(*this, failed_too ? "SELECT key FROM results ORDER BY key"
                                   : "SELECT key FROM results WHERE error IS NULL ORDER BY key");
  std::vector<std::string> keys;
  while (list.step()) {
    keys.push_back(list.text(0));
  }
  return keys;
}

std::optional<Outcome> ResultStore::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  select_->reset();
  select_->bind(1, key);
  if (!select_->step()) {
    return std::nullopt;
  }
  Outcome outcome;
  outcome.error = select_->text(kFirstFigure - 1);
  if (outcome.error.empty()) {
    for (std::size_t i = 0; i < figure_names().size(); ++i) {
      outcome.figures.values.push_back(select_->number(kFirstFigure + static_cast<int>(i)));
    }
  }
  select_->reset();
  return outcome;
}

void ResultStore::add(const ResultRow& row) {
  constexpr auto kApart = std::chrono::milliseconds(250);
  const std::lock_guard lock(mutex_);
  if (!in_transaction_) {
    run("BEGIN");
    in_transaction_ = true;
  }
  insert_->reset();
  insert_->bind(1, row.key);
  insert_->bind(2, row.config);
  const Outcome& outcome = row.outcome;
  outcome.error.empty() ? insert_->bind_null(kFirstFigure)
                        : insert_->bind(kFirstFigure, outcome.error);
  for (std::size_t i = 0; i < figure_names().size(); ++i) {
    const int place = kFirstFigure + 1 + static_cast<int>(i);
    outcome.error.empty() ? insert_->bind(place, outcome.figures.values[i])
                          : insert_->bind_null(place);
  }
  static_cast<void>(insert_->step());
  insert_->reset();
  if (std::chrono::steady_clock::now() - committed_ > kApart) {
    commit_locked();
  }
}

void ResultStore::commit() {
  const std::lock_guard lock(mutex_);
  commit_locked();
}

void ResultStore::commit_locked() {
  if (std::exchange(in_transaction_, false)) {
    run("COMMIT");
    committed_ = std::chrono::steady_clock::now();
  }
}

std::int64_t ResultStore::merge(ResultStore& other) {
  const std::vector<std::string> good = keys(false);
  std::int64_t count = 0;
  Statement rows(other, fmt::format("SELECT key, config, error{} FROM results ORDER BY key",
                                    quoted_columns("")));
  while (rows.step()) {
    ++count;
    ResultRow row{rows.text(0), rows.text(1), {}};
    if (std::binary_search(good.begin(), good.end(), row.key)) {
      continue;
    }
    row.outcome.error = rows.text(2);
    for (std::size_t i = 0; i < figure_names().size(); ++i) {
      row.outcome.figures.values.push_back(rows.number(kFirstFigure + static_cast<int>(i)));
    }
    add(row);
  }
  commit();
  return count;
}

void ResultStore::fail(const std::string& doing, const std::string& mend) {
  const std::string reason = database_ == nullptr ? "no memory" : sqlite3_errmsg(database_);
  throw UserError(fmt::format("cannot {}: {}", doing, reason), {file_.string(), 0, {}}, mend);
}

}  // namespace lockstep
