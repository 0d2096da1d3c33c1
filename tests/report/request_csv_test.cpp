#include "report/request_csv.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "reference_data.hpp"
#include "requests_from_csv.hpp"

namespace lockstep {
namespace {

using testing::parse_request_csv;
using testing::read_bytes;

Request example_request() {
  Request request;
  request.instance = 1;
  request.id = 12;
  request.input = 10;
  request.output = 13;
  request.arrival = Nanos{100};
  request.end_time = Nanos{1100};
  request.latency = Nanos{1000};
  request.queuing_delay = Nanos{0};
  request.ttft = Nanos{400};
  request.tpot = Nanos{300};
  request.itl = {Nanos{310}, Nanos{290}};
  return request;
}

std::string row_of(const Request& request, std::string_view model = "m") {
  std::string row;
  append_request_row(row, request, model);
  return row;
}

TEST(RequestCsv, RowsQuoteOnlyListsWithCommas) {
  Request request = example_request();
  EXPECT_EQ(row_of(request, "o/m"), "1,12,o/m,10,3,100,1100,1000,0,400,300,\"[310, 290]\"\r\n");
  request.itl.pop_back();
  EXPECT_EQ(row_of(request), "1,12,m,10,3,100,1100,1000,0,400,300,[310]\r\n");
  request.itl.clear();
  EXPECT_EQ(row_of(request), "1,12,m,10,3,100,1100,1000,0,400,300,[]\r\n");
}

TEST(RequestCsv, NamesWithSeparatorsAreQuoted) {
  EXPECT_NE(row_of(example_request(), "a,b\"c").find(",\"a,b\"\"c\","), std::string::npos);
}

TEST(RequestCsv, SkippedPrefillHasNoFirstToken) {
  Request request = example_request();
  request.queuing_delay = request.ttft = Nanos{-1};
  EXPECT_EQ(row_of(request), "1,12,m,10,3,100,1100,1000,-1,-1,300,\"[310, 290]\"\r\n");
}

TEST(RequestCsv, InstancesFollowEachOtherInCompletionOrder) {
  auto model = std::make_shared<ModelConfig>();
  model->name = "m";
  Cluster cluster;
  cluster.instances.resize(2);
  cluster.instances[0].model = cluster.instances[1].model = model;
  std::vector<Request> requests(3, example_request());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].id = static_cast<std::int64_t>(i);
    requests[i].itl.clear();
  }
  requests[1].instance = 0;
  RunResult result;
  result.done = {{&requests[1]}, {&requests[2], &requests[0]}};
  EXPECT_EQ(request_csv(result, cluster),
            "instance id,request id,model,input,output,arrival,end_time,latency,queuing_delay,"
            "TTFT,TPOT,ITL\r\n"
            "0,1,m,10,3,100,1100,1000,0,400,300,[]\r\n"
            "1,2,m,10,3,100,1100,1000,0,400,300,[]\r\n"
            "1,0,m,10,3,100,1100,1000,0,400,300,[]\r\n");
}

TEST(RequestCsv, ARunWithoutRequestsIsAHeader) {
  EXPECT_EQ(request_csv(RunResult{}, Cluster{}), kRequestCsvHeader);
}

TEST(RequestCsvConformance, WritesEveryFileAsItWas) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  std::size_t files = 0;
  std::size_t rows = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(reference)) {
    if (entry.path().extension() != ".csv") {
      continue;
    }
    const std::string bytes = read_bytes(entry.path());
    if (!bytes.starts_with("instance id,")) {
      continue;
    }
    const testing::FinishedRequests finished = parse_request_csv(bytes);
    RunResult result;
    result.done = finished.done;
    EXPECT_EQ(request_csv(result, finished.cluster), bytes) << entry.path();
    ++files;
    rows += finished.rows();
  }
  std::printf("%zu files, %zu rows\n", files, rows);
  EXPECT_GE(files, 19U);
  EXPECT_GE(rows, 1000U);
}

}  // namespace
}  // namespace lockstep
