#include "report/step_line.hpp"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

Cluster cluster_of(const std::vector<PdType>& kinds) {
  Cluster cluster;
  for (const PdType pd : kinds) {
    Instance instance;
    instance.id = static_cast<std::int32_t>(cluster.instances.size());
    instance.pd = pd;
    cluster.instances.push_back(instance);
  }
  return cluster;
}

Cluster plain_cluster(std::size_t instances) {
  return cluster_of(std::vector<PdType>(instances, PdType::none));
}

/// A wave of two members with 81.2 GB each.
StepEvent wave() {
  StepEvent event;
  event.step = 8;
  event.instances = {0, 1};
  event.batch_sizes = {4, 4};
  event.npu_used = {Bytes{87'187'835'617}, Bytes{87'187'835'617}};
  event.prompt_tokens = 14;
  event.generated_tokens = 5;
  event.elapsed = Nanos{10'000'000};
  event.dispatch = CollectiveKind::all_to_all;
  event.combine = CollectiveKind::all_to_all;
  event.dispatch_size = Bytes{512 * 1024};
  event.combine_size = Bytes{512 * 1024};
  return event;
}

/// One step of instance `id` among `instances`.
StepEvent single(std::int32_t id, std::size_t instances) {
  StepEvent event;
  event.step = 3;
  event.instances = {id};
  event.batch_sizes = {6};
  event.npu_used.assign(instances, Bytes{kGiB / 2});
  event.elapsed = Nanos{1'000'000'000};
  return event;
}

TEST(StepLine, WaveWithTwoAllToAlls) {
  EXPECT_EQ(step_line(wave(), plain_cluster(2)),
            "[INFO] step=8 batch=4+4 prompt_t=1.4k tok/s decode_t=500 tok/s "
            "npu_mem=[81.2 GB, 81.2 GB] alltoall=512 KB\n");
}

TEST(StepLine, GatherAndScatterAreNamedEach) {
  StepEvent event = wave();
  event.dispatch = CollectiveKind::all_gather;
  event.combine = CollectiveKind::reduce_scatter;
  event.dispatch_size = Bytes{544 * 1024};
  EXPECT_TRUE(step_line(event, plain_cluster(2))
                  .ends_with("81.2 GB] allgather=544 KB reducescatter=512 KB\n"));
}

TEST(StepLine, OneInstanceHasNoBracketsAndNoExchange) {
  EXPECT_EQ(step_line(single(0, 1), plain_cluster(1)),
            "[INFO] step=3 batch=6 prompt_t=0 tok/s decode_t=0 tok/s npu_mem=0.5 GB\n");
}

TEST(StepLine, AnIndependentInstanceIsNamed) {
  EXPECT_TRUE(step_line(single(1, 3), plain_cluster(3))
                  .starts_with("[INFO] step=3 inst1_batch=6 prompt_t"));
  EXPECT_TRUE(step_line(wave(), plain_cluster(3)).starts_with("[INFO] step=8 inst0+1_batch=4+4 "));
}

TEST(StepLine, PrefillAndDecodeHaveLetters) {
  const Cluster pair = cluster_of({PdType::prefill, PdType::decode});
  EXPECT_TRUE(step_line(single(0, 2), pair).starts_with("[INFO] step=3 P=6 "));
  EXPECT_TRUE(step_line(single(1, 2), pair).starts_with("[INFO] step=3 D=6 "));
  const Cluster pool = cluster_of({PdType::prefill, PdType::decode, PdType::decode});
  EXPECT_TRUE(step_line(single(2, 3), pool).starts_with("[INFO] step=3 D2=6 "));
}

TEST(StepLine, RatesFromAThousandOnAreShort) {
  StepEvent event = single(0, 1);
  const auto rate = [&event](std::int64_t tokens) {
    event.prompt_tokens = tokens;
    const std::string line = step_line(event, plain_cluster(1));
    const auto begin = line.find("prompt_t=") + 9;
    return line.substr(begin, line.find(' ', begin) - begin);
  };
  EXPECT_EQ(rate(999), "999");
  EXPECT_EQ(rate(1000), "1.0k");
  EXPECT_EQ(rate(1449), "1.4k");
  event.elapsed = Nanos{2'000'000'000};
  EXPECT_EQ(rate(1999), "1.0k");  // 999.5
  EXPECT_EQ(rate(1998), "999");
  event.elapsed = Nanos{0};
  EXPECT_EQ(rate(5), "0");
}

TEST(StepLine, SizesFromAMegabyteOnAreInMegabytes) {
  StepEvent event = wave();
  const auto size = [&event](std::int64_t bytes) {
    event.dispatch_size = event.combine_size = Bytes{bytes};
    const std::string line = step_line(event, plain_cluster(2));
    return line.substr(line.find("alltoall=") + 9);
  };
  EXPECT_EQ(size(4096), "4 KB\n");
  EXPECT_EQ(size(kMiB - 512), "1023.5 KB\n");
  EXPECT_EQ(size(kMiB), "1 MB\n");
  EXPECT_EQ(size(kMiB * 3 / 2), "1.5 MB\n");
}

}  // namespace
}  // namespace lockstep
