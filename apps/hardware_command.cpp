#include "hardware_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "gpu_names.hpp"
#include "perf/gpu_facts.hpp"

namespace lockstep {
namespace {

void print_table(GpuCatalog& catalog) {
  fmt::print("{:<12}{:>11}{:>13}{:>15}{:>15}{:>9}  {}\n", "name", "memory GB", "memory GB/s",
             "bf16 TFLOP/s", "fp8 TFLOP/s", "power W", "times fitted on");
  for (const std::string& name : catalog.names()) {
    const GpuFacts& gpu = *catalog.find(name);
    const double fp8 = gpu.peak_tflops[static_cast<std::size_t>(DataType::fp8)];
    fmt::print("{:<12}{:>11g}{:>13g}{:>15g}{:>15}{:>9g}  {}\n", name, gpu.memory_gb, gpu.bandwidth,
               gpu.peak(DataType::bfloat16), fp8 > 0 ? fmt::format("{:g}", fp8) : "-", gpu.power_w,
               gpu.fitted_on);
  }
}

nlohmann::ordered_json json_of(const GpuFacts& gpu) {
  return {{"name", gpu.name},
          {"aliases", gpu.aliases},
          {"memory_gb", gpu.memory_gb},
          {"bandwidth_gb_per_s", gpu.bandwidth},
          {"bf16_tflops", gpu.peak(DataType::bfloat16)},
          {"multiprocessors", gpu.multiprocessors},
          {"l2_mb", gpu.l2_mb},
          {"power_w", gpu.power_w},
          {"fitted_on", gpu.fitted_on},
          {"fit_date", gpu.fit_date}};
}

void print_gpu(const GpuFacts& gpu) {
  fmt::print("{}{}\n", gpu.name,
             gpu.aliases.empty() ? "" : fmt::format(" ({})", fmt::join(gpu.aliases, ", ")));
  fmt::print("  memory            {:g} GB, {:g} GB/s\n", gpu.memory_gb, gpu.bandwidth);
  fmt::print("  bf16              {:g} TFLOP/s\n", gpu.peak(DataType::bfloat16));
  fmt::print("  multiprocessors   {}, L2 cache {:g} MB\n", gpu.multiprocessors, gpu.l2_mb);
  fmt::print("  power             {:g} W\n", gpu.power_w);
  fmt::print("  times fitted on   {} ({})\n", gpu.fitted_on, gpu.fit_date);
  for (const auto& [kind, error] : gpu.errors) {
    fmt::print("    {:<16}median error {:.1f} %, 9 of 10 below {:.1f} %\n", kind,
               100 * error.median, 100 * error.p90);
  }
}

}  // namespace

CLI::App* add_hardware_command(CLI::App& root, int& exit_code) {
  struct Flags {
    std::string name;
    bool json = false;
  };
  CLI::App* command =
      root.add_subcommand("hardware", "GPUs that need no measured times, with their datasheets");
  auto flags = std::make_shared<Flags>();
  command->add_option("NAME", flags->name, "one of them, with the known errors of its times");
  command->add_flag("--json", flags->json, "as JSON");
  command->callback([flags, &exit_code] {
    GpuCatalog catalog;
    std::vector<std::string> names = catalog.names();
    if (!flags->name.empty()) {
      names = {known_gpu(catalog, flags->name, "NAME")->name};
    }
    if (flags->json) {
      auto list = nlohmann::ordered_json::array();
      for (const std::string& name : names) {
        list.push_back(json_of(*catalog.find(name)));
      }
      fmt::print("{}\n", list.dump(2));
    } else if (flags->name.empty()) {
      print_table(catalog);
    } else {
      print_gpu(*known_gpu(catalog, flags->name, "NAME"));
    }
    exit_code = static_cast<int>(ExitCode::ok);
  });
  return command;
}

}  // namespace lockstep
