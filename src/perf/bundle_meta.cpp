#include "perf/bundle_meta.hpp"

#include "base/inside.hpp"
#include "perf/yaml_file.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kMostLabels = 1000;

// Keys "<name>_bins" and "<name>_labels" of one axis; what is absent stays as it was.
void read_axis(const YamlFile& yaml, const YAML::Node& axes, const std::string& name,
               SkewAxis& axis) {
  const YAML::Node bins = yaml.child(axes, name + "_bins");
  const YAML::Node labels = yaml.child(axes, name + "_labels");
  if (YamlFile::present(bins)) {
    axis.edges = yaml.as<std::vector<double>>(bins, name + "_bins");
  }
  if (YamlFile::present(labels)) {
    axis.labels = yaml.as<std::vector<std::string>>(labels, name + "_labels");
  }
  if (axis.labels.empty() || axis.labels.size() > kMostLabels ||
      axis.edges.size() != axis.labels.size() + 1) {
    yaml.refuse(axes.Mark(), name + "_bins must hold one value more than " + name + "_labels",
                "profile the skew again or correct bucket_axes");
  }
}

SkewAxes read_axes(const YamlFile& yaml, const YAML::Node& node) {
  SkewAxes axes = SkewAxes::usual();
  if (YamlFile::present(node)) {
    read_axis(yaml, node, "n", axes.decodes);
    read_axis(yaml, node, "skew_rate", axes.skew_rate);
    read_axis(yaml, node, "kv_big", axes.kv_largest);
    read_axis(yaml, node, "kp", axes.kv_prefill);
  }
  return axes;
}

double alpha_default(const YamlFile& yaml, const YAML::Node& map) {
  const YAML::Node value = yaml.child(map, "alpha_default");
  return YamlFile::present(value) ? yaml.finite(value, "alpha_default") : 0.0;
}

SkewMeta read_skew_of_tp(const YamlFile& yaml, const YAML::Node& entry, const SkewAxes& shared) {
  SkewMeta meta;
  meta.alpha_default = alpha_default(yaml, entry);
  const YAML::Node axes = yaml.child(entry, "bucket_axes");
  meta.axes = YamlFile::present(axes) ? read_axes(yaml, axes) : shared;
  const YAML::Node table = yaml.child(entry, "bucket_table");
  if (YamlFile::present(table)) {
    meta.bucket_table = yaml.as<std::string>(table, "bucket_table");
    if (!stays_inside(meta.bucket_table)) {
      yaml.refuse(table.Mark(), "bucket_table leads out of the bundle's folder",
                  "give a path below it, such as tp1/skew_fit.csv");
    }
  }
  const YAML::Node buckets = yaml.child(entry, "alpha_by_bucket");
  if (YamlFile::present(buckets) && buckets.IsMap()) {
    for (const auto& bucket : buckets) {
      meta.alpha_by_bucket.emplace_back(yaml.as<std::string>(bucket.first, "a bucket"),
                                        yaml.finite(bucket.second, "an alpha"));
    }
  }
  return meta;
}

void read_skew(const YamlFile& yaml, const YAML::Node& skew, BundleMeta& meta) {
  const YAML::Node enabled = yaml.child(skew, "enabled");
  meta.skew_enabled = YamlFile::present(enabled) && yaml.as<bool>(enabled, "skew_fit.enabled");
  if (!meta.skew_enabled) {
    return;
  }
  meta.skew_alpha_default = alpha_default(yaml, skew);
  const SkewAxes shared = read_axes(yaml, yaml.child(skew, "bucket_axes"));
  const YAML::Node per_tp = yaml.child(skew, "per_tp");
  if (!YamlFile::present(per_tp)) {
    return;
  }
  if (!per_tp.IsMap()) {
    yaml.refuse(per_tp.Mark(), "skew_fit.per_tp must be a mapping", "profile the skew again");
  }
  for (const auto& entry : per_tp) {
    const auto tp = yaml.as<std::int64_t>(entry.first, "a key of skew_fit.per_tp");
    if (YamlFile::present(entry.second) && entry.second.size() > 0) {
      meta.skew.emplace(tp, read_skew_of_tp(yaml, entry.second, shared));
    }
  }
}

std::optional<std::int64_t> limit(const YamlFile& yaml, const YAML::Node& engine,
                                  const std::string& name) {
  const YAML::Node value = yaml.child(engine, name);
  if (!YamlFile::present(value)) {
    return std::nullopt;
  }
  return yaml.as<std::int64_t>(value, name);
}

}  // namespace

BundleMeta read_bundle_meta(const std::filesystem::path& file) {
  const YamlFile yaml(file);
  BundleMeta meta;
  const YAML::Node engine = yaml.child(yaml.root(), "engine_effective");
  meta.max_num_batched_tokens = limit(yaml, engine, "max_num_batched_tokens");
  meta.max_num_seqs = limit(yaml, engine, "max_num_seqs");
  const YAML::Node skew = yaml.child(yaml.root(), "skew_fit");
  if (YamlFile::present(skew)) {
    read_skew(yaml, skew, meta);
  }
  return meta;
}

}  // namespace lockstep
