#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <thread>

#include "base/error.hpp"
#include "sweep/progress.hpp"
#include "sweep/result_csv.hpp"
#include "sweep/result_store.hpp"
#include "sweep/service_level.hpp"
#include "sweep/sweep_runner.hpp"
#include "sweep/yaml_document.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Stores : public ::testing::Test {
protected:
  Stores()
      : folder_(std::filesystem::temp_directory_path() /
                ("lockstep_stores_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder_);
  }
  ~Stores() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::filesystem::path file(const char* name) const { return folder_ / name; }

  static ResultRow row(const std::string& key, double value, const std::string& error = {}) {
    ResultRow row{key, "{}", {}};
    row.outcome.error = error;
    row.outcome.figures.values.assign(figure_names().size(), value);
    return row;
  }

private:
  std::filesystem::path folder_;
};

TEST_F(Stores, KeepRowsOverARestartAndReplaceThem) {
  {
    ResultStore store(file("a.sqlite"), ResultStore::Open::resume);
    store.add(row("k1", 0.1));
    store.add(row("k2", std::nan("")));
    store.add(row("k3", 0, "too large"));
  }
  ResultStore store(file("a.sqlite"), ResultStore::Open::resume);
  EXPECT_THAT(store.keys(), ElementsAre("k1", "k2", "k3"));
  EXPECT_THAT(store.keys(false), ElementsAre("k1", "k2"));
  EXPECT_EQ(store.find("k1")->figures.values.back(), 0.1);
  EXPECT_TRUE(std::isnan(store.find("k2")->figures.values.front()));
  EXPECT_EQ(store.find("k3")->error, "too large");
  EXPECT_FALSE(store.find("k4"));
  store.add(row("k3", 3));
  EXPECT_EQ(store.find("k3")->figures.values.front(), 3);
  EXPECT_EQ(store.keys().size(), 3U);
}

TEST_F(Stores, RefuseASecondWriterAndAForeignFile) {
  ResultStore store(file("a.sqlite"), ResultStore::Open::resume);
  EXPECT_THROW(ResultStore(file("a.sqlite"), ResultStore::Open::resume), UserError);
  EXPECT_THROW(ResultStore(file("none.sqlite"), ResultStore::Open::read_only), UserError);
}

TEST_F(Stores, MergeTakesWhatIsNotThereOrFailed) {
  ResultStore all(file("all.sqlite"), ResultStore::Open::resume);
  all.add(row("k1", 1));
  all.add(row("k2", 0, "failed"));
  {
    ResultStore share(file("share.sqlite"), ResultStore::Open::resume);
    share.add(row("k1", 9));
    share.add(row("k2", 2));
    share.add(row("k3", 3));
  }
  ResultStore share(file("share.sqlite"), ResultStore::Open::read_only);
  EXPECT_EQ(all.merge(share), 3);
  EXPECT_EQ(all.find("k1")->figures.values[0], 1);
  EXPECT_EQ(all.find("k2")->figures.values[0], 2);
  EXPECT_EQ(all.find("k3")->figures.values[0], 3);
}

TEST_F(Stores, TakeRowsFromManyThreads) {
  ResultStore store(file("a.sqlite"), ResultStore::Open::restart);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        store.add(row(std::to_string(t * 50 + i), i));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(store.keys().size(), 200U);
}

TEST(SweepRuns, AreTheSameOneByOneAndSideBySide) {
  std::filesystem::current_path(LOCKSTEP_SOURCE_DIR);
  const SweepSpec spec = SweepSpec::parse(
      parse_yaml("cluster: configs/cluster/single_node_multi_instance.json\n"
                 "workload: {num_reqs: 6, rate: 50, input_toks: 40, output_toks: 4}\n"
                 "slo: {ttft_ms: 60}\n"
                 "grid: {flag.max-num-seqs: [1, 4], flag.enable-prefix-caching: [true, false],\n"
                 "  flag.dtype: [bfloat16, fp8], workload.token_ids: [true, false]}\n",
                 "spec.yaml"));
  const WorkList work(spec, "v", {});
  const auto results = [&](int workers) {
    std::vector<std::vector<double>> values(static_cast<std::size_t>(spec.size()));
    SharedInputs inputs;
    std::mutex mutex;
    run_configs(work, work.configs(), inputs, {workers, nullptr}, [&](const ResultRow& row) {
      const std::lock_guard lock(mutex);
      for (const std::int64_t config : work.configs()) {
        if (work.key(config) == row.key) {
          EXPECT_EQ(row.outcome.error, "");
          values[static_cast<std::size_t>(config)] = row.outcome.figures.values;
        }
      }
    });
    for (auto& list : values) {
      std::replace_if(
          list.begin(), list.end(), [](double v) { return std::isnan(v); }, -1.0);
    }
    return values;
  };
  const auto one = results(1);
  EXPECT_EQ(one, results(4));
  // Warnings belong to the run that has them, however many runs share a bundle.
  const std::size_t warnings = figure_index("warnings");
  EXPECT_EQ(one.front()[warnings], one[one.size() / 2][warnings]);
}

TEST(ProgressLine, ShowsCountRateAndTimeLeft) {
  EXPECT_EQ(progress_line({100, 20, 30, 2, 10.0}),
            "[##########..........] 50/100 (2 failed)  3.0/s  ETA 0:17");
  EXPECT_EQ(progress_line({100, 20, 0, 0, 0.0}), "[####................] 20/100  0.0/s  ETA --:--");
  EXPECT_EQ(progress_line({100000, 0, 10, 0, 10.0}),
            "[....................] 10/100000  1.0/s  ETA 27:46:30");
  EXPECT_EQ(progress_line({3, 0, 3, 0, 1.0}), "[####################] 3/3  3.0/s  ETA 0:00");
}

TEST(ServiceLevels, HoldOnlyWithinEveryLimit) {
  Request request;
  request.ttft = Nanos{50};
  request.tpot = Nanos{5};
  request.latency = Nanos{500};
  request.itl = {Nanos{4}, Nanos{9}};
  EXPECT_TRUE(ServiceLevel{}.kept_by(request));
  EXPECT_TRUE((ServiceLevel{Nanos{50}, Nanos{5}, Nanos{9}, Nanos{500}}.kept_by(request)));
  EXPECT_FALSE((ServiceLevel{Nanos{49}, {}, {}, {}}.kept_by(request)));
  EXPECT_FALSE((ServiceLevel{{}, Nanos{4}, {}, {}}.kept_by(request)));
  EXPECT_FALSE((ServiceLevel{{}, {}, Nanos{8}, {}}.kept_by(request)));
  EXPECT_FALSE((ServiceLevel{{}, {}, {}, Nanos{499}}.kept_by(request)));
  request.ttft = Nanos{-1};
  EXPECT_FALSE((ServiceLevel{Nanos{50}, {}, {}, {}}.kept_by(request)));
}

TEST(CsvFields, AreQuotedWhereTheyHaveTo) {
  EXPECT_EQ(csv_field("plain"), "plain");
  EXPECT_EQ(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
}

}  // namespace
}  // namespace lockstep
