// The result file: one row per finished request, all times in integer ns.
#pragma once

#include <string>
#include <string_view>

#include "config/cluster.hpp"
#include "engine/run_result.hpp"
#include "serving/request.hpp"

namespace lockstep {

/// Separator comma, line end CR LF; quotes only around what needs them.
inline constexpr std::string_view kRequestCsvHeader =
    "instance id,request id,model,input,output,arrival,end_time,latency,queuing_delay,TTFT,TPOT,"
    "ITL\r\n";

/// Appends one row. `model` is the name of the model that served the request.
void append_request_row(std::string& csv, const Request& request, std::string_view model);

/// Header and rows: instance after instance, each in completion order.
[[nodiscard]] std::string request_csv(const RunResult& result, const Cluster& cluster);

}  // namespace lockstep
