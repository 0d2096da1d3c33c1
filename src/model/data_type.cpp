#include "model/data_type.hpp"

#include <array>

namespace lockstep {
namespace {

struct TypeFacts {
  std::string_view name;
  std::string_view short_name;
  std::int64_t bytes;
};

constexpr std::array<TypeFacts, 5> kTypes = {{{"float16", "fp16", 2},
                                              {"bfloat16", "bf16", 2},
                                              {"float32", "fp32", 4},
                                              {"fp8", "fp8", 1},
                                              {"int8", "int8", 1}}};

const TypeFacts& facts(DataType type) {
  return kTypes[static_cast<std::size_t>(type)];
}

}  // namespace

std::int64_t bytes_per_element(DataType type) {
  return facts(type).bytes;
}

std::int64_t kv_bytes_per_element(DataType type, KvCacheType kv) {
  return kv == KvCacheType::fp8 ? 1 : bytes_per_element(type);
}

std::optional<DataType> data_type_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i].name == name) {
      return static_cast<DataType>(i);
    }
  }
  return std::nullopt;
}

std::string_view data_type_name(DataType type) {
  return facts(type).name;
}

std::string variant_name(DataType type, KvCacheType kv) {
  std::string name(facts(type).short_name);
  if (kv == KvCacheType::fp8) {
    name += "-kvfp8";
  }
  return name;
}

}  // namespace lockstep
