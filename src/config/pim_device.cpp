#include "config/pim_device.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/read_log.hpp"
#include "config/near_miss.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

/// Linear fit of decode attention over the context length, measured on 32 heads of 128 elements
/// with 8 KV heads. ns and ns a token.
struct AttentionFit {
  std::string_view spec;
  double slope;
  double intercept;
};
constexpr std::array<AttentionFit, 4> kFits{{{"LPDDR4X_2GB_4266_pim", 432.4458, 33918.1734},
                                             {"DDR4_8GB_3200_pim", 333.2538, 30675.2739},
                                             {"LPDDR5_2GB_6400_pim", 282.4338, 15996.7018},
                                             {"HBM2_1GB_2000_pim", 242.0548, 14513.5015}}};

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f\v";
  const std::size_t first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos
             ? std::string()
             : std::string(text.substr(first, text.find_last_not_of(kBlanks) - first + 1));
}

struct Entry {
  std::string text;
  std::int64_t line = 0;
};

/// All sections in one: of a repeated key the last counts.
class IniFile {
public:
  explicit IniFile(const std::filesystem::path& file) : name_(file.string()) {
    ReadLog::note(file, "memory device");
    std::ifstream in(file);
    if (!in) {
      throw UserError(fmt::format("Cannot read the PIM description '{}'.", name_), {name_, 0, ""},
                      "give the name of a file in the PIM folder without '.ini' (--pim-dir names "
                      "the folder)");
    }
    std::string raw;
    for (std::int64_t number = 1; std::getline(in, raw); ++number) {
      const std::string line = trimmed(std::string_view(raw).substr(0, raw.find('#')));
      const std::size_t equals = line.find('=');
      if (line.empty() || line[0] == '[' || line[0] == ';' || equals == std::string::npos) {
        continue;
      }
      entries_[trimmed(std::string_view(line).substr(0, equals))] = {
          trimmed(std::string_view(line).substr(equals + 1)), number};
    }
  }

  /// A positive number. Without a point only whole numbers count as numbers, so 1e3 does not.
  [[nodiscard]] double number(const std::string& key) const {
    const auto found = entries_.find(key);
    if (found == entries_.end()) {
      throw UserError(fmt::format("The PIM description lacks '{}'.", key), {name_, 0, key},
                      fmt::format("add a line '{} = <number>'", key));
    }
    const std::string& text = found->second.text;
    double value = 0;
    if (text.find('.') != std::string::npos) {
      value = float_from_text(text).value_or(0);
    } else {
      value = static_cast<double>(int_from_text(text).value_or(0));
    }
    if (!(value > 0) || !std::isfinite(value)) {
      throw UserError(fmt::format("'{}' is '{}'", key, text), {name_, found->second.line, key},
                      "give a number above 0, written like 16 or 0.63");
    }
    return value;
  }

  [[nodiscard]] double number_or_zero(const std::string& key) const {
    return entries_.contains(key) ? number(key) : 0;
  }

  [[nodiscard]] bool whole(const std::string& key) const {
    return entries_.at(key).text.find('.') == std::string::npos;
  }

private:
  std::string name_;
  std::map<std::string, Entry> entries_;
};

/// MB of one channel.
double channel_size(const IniFile& ini) {
  const double banks = ini.number("bankgroups") * ini.number("banks_per_group");
  const double devices_per_rank = ini.number("bus_width") / ini.number("device_width");
  const double page_size = ini.number("columns") * ini.number("device_width") / 8;
  const double megs_per_bank = page_size * (ini.number("rows") / 1024) / 1024;
  const double megs_per_rank = megs_per_bank * banks * devices_per_rank;
  const double wanted = ini.number("channel_size");
  // The rank count is not rounded to whole ranks, as the published figures were made.
  return megs_per_rank > wanted ? megs_per_rank : (wanted / megs_per_rank) * megs_per_rank;
}

/// How often b > 0 goes into a >= 0, from the exact remainder: a / b may round up to the next
/// whole number.
double whole_times(double a, double b) {
  return std::nearbyint((a - std::fmod(a, b)) / b);
}

}  // namespace

PimDevice read_pim_device(const std::filesystem::path& file, double mem_size_gb) {
  const IniFile ini(file);
  PimDevice device;
  const std::string name = file.filename().string();
  device.spec = name.substr(0, name.find('.'));
  device.dimm_size_gb = channel_size(ini) / 1024;
  device.channel_bandwidth = ini.number("bus_width") / 8 * ini.number("data_rate") / 1000;
  device.mem_bandwidth = mem_size_gb / device.dimm_size_gb * device.channel_bandwidth;
  device.mem_latency = ini.number("CL") * ini.number("tCK");
  device.whole_latency = ini.whole("CL") && ini.whole("tCK");
  const double channels = whole_times(mem_size_gb, device.dimm_size_gb);
  if (channels < 1 || channels > 1e6) {
    throw UserError(
        fmt::format("{} GB of memory are {} channels of {} GB", plain_number_text(mem_size_gb),
                    plain_number_text(channels), plain_number_text(device.dimm_size_gb)),
        {file.string(), 0, "channel_size"},
        "give cpu_mem.mem_size and channel_size that make between 1 and a million channels");
  }
  device.channels = static_cast<std::int64_t>(channels);
  device.idle_power = ini.number_or_zero("idle_power") / 1000;
  device.active_power = ini.number_or_zero("peak_power") / 1000;
  return device;
}

double PimDevice::attention_latency(std::int64_t num_heads, std::int64_t num_kv_heads,
                                    std::int64_t head_dim, std::int64_t length,
                                    std::int64_t split) const {
  for (const AttentionFit& fit : kFits) {
    if (fit.spec == spec) {
      const double heads = static_cast<double>(num_heads);
      const double gqa = (heads / static_cast<double>(num_kv_heads)) / 4.0;
      const double scale = static_cast<double>(num_heads * head_dim) / 4096;
      return ((fit.slope * gqa) * static_cast<double>(length) + (fit.intercept * scale)) /
             static_cast<double>(split);
    }
  }
  std::array<std::string_view, kFits.size()> known;
  for (std::size_t i = 0; i < kFits.size(); ++i) {
    known[i] = kFits[i].spec;
  }
  throw UserError(fmt::format("Unknown PIM spec: {}", spec), {"", 0, "cpu_mem.pim_config"},
                  fmt::format("attention times are known for {}, {}, {} and {}{}", known[0],
                              known[1], known[2], known[3], suggestion(spec, known)));
}

}  // namespace lockstep
