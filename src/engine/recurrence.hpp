// Copies of a loop that need not be simulated, because they repeat what has been seen.
//
// A company is a set of NPUs that exchange with each other only and run programs of the same loops.
// Loops are closed (iteration/graph), so when an NPU begins a copy nothing that matters is left of
// the one before: all that follows is a function of the times x(k) at which the members begin
// copy k. The function is the same for every copy, and later by c where all x are later by c.
// So once x(k) = x(k - p) + c in every member, p more copies take c more, as often as there are
// copies: the pending events of the company are put off by whole periods.
//
// Between them somebody else may look at the clock, which stands only at times at which something
// happens: the times of the copies left out are still known, as those of the last period plus c.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "engine/device_simulator.hpp"

namespace lockstep {

/// Whether what a copy does depends on nothing but the times at which it begins: no messages queue
/// for links nor streams for each other, and all collectives are alike.
[[nodiscard]] bool copies_repeat(const DeviceSimulatorSpec& spec);

class Recurrence {
public:
  /// What may be skipped by a company now.
  struct Period {
    std::int64_t copies = 1;
    Nanos length;
  };

  explicit Recurrence(const DeviceSimulatorSpec& spec);

  /// Nothing is skipped from now on; before the first program.
  void switch_off();
  [[nodiscard]] bool keeps_times() const { return keeps_times_ && !companies_.empty(); }

  /// NPU `npu` begins its loop's copy number `copy`, or ends the last one.
  void at_boundary(std::int32_t npu, Nanos now, std::int64_t copy);
  /// Something happens to the NPU; only where keeps_times().
  void happens(std::int32_t npu, Nanos now);
  /// What one NPU does depends on the other. NPUs of different companies end skipping for both.
  void couple(std::int32_t a, std::int32_t b);

  /// Companies in which a period has been found while the present time was handled.
  [[nodiscard]] const std::vector<std::int32_t>& due() const { return due_; }
  [[nodiscard]] std::span<const std::int32_t> members(std::int32_t company) const;
  [[nodiscard]] Period period(std::int32_t company) const;
  /// The company's pending events have been put off by `periods` of its periods.
  void skipped(std::int32_t company, Nanos now, std::int64_t periods);
  void clear_due() { due_.clear(); }

  /// The first time after `time` at which something happened in copies left out.
  [[nodiscard]] std::optional<Nanos> next_time(Nanos time) const;
  /// The last one up to `limit` and after `time`.
  [[nodiscard]] std::optional<Nanos> last_time(Nanos time, Nanos limit) const;

private:
  static constexpr std::int32_t kNone = -1;
  /// Periods of up to so many copies are looked for. Late members make some of two; in a ring the
  /// order of members that begin together moves on from copy to copy.
  static constexpr std::int64_t kLongest = 16;
  static constexpr std::size_t kRows = 32;
  /// One member has a period as soon as it has begun two copies.
  static constexpr std::size_t kRowsAlone = 4;
  /// A company that keeps more times than this has no loops.
  static constexpr std::size_t kMostTimes = 1U << 16U;
  static constexpr std::size_t kUsualTimes = 512;

  /// A boundary at which members have been.
  struct Row {
    std::int64_t number = -1;
    std::int64_t copy = 0;
    std::int64_t skips = 0;  ///< of the company until then
    std::size_t there = 0;
  };
  struct Member {
    std::int64_t boundaries = 0;  ///< so many so far
    std::int64_t begun = -1;      ///< the number at which its loop began
  };
  /// Times base + k * period + offset, k below periods.
  struct LeftOut {
    Nanos base, period;
    std::int64_t periods = 0;
    std::vector<Nanos> offsets;  ///< ascending, above 0, the last is the period
  };
  struct Company {
    std::vector<std::int32_t> npus;
    std::vector<Member> members;
    std::vector<Row> rows;            ///< boundaries by their number, the newest ones
    std::vector<Nanos> at;            ///< by row and member: when it was there
    std::vector<std::int32_t> order;  ///< of a row: in which they came; the first `there` count
    std::vector<Nanos> times;         ///< at which something happened; only where they are kept
    LeftOut left_out;
    Period period;
    std::int64_t skips = 0;  ///< so far
    bool sound = true;

    [[nodiscard]] std::size_t row_of(std::int64_t number) const {
      return static_cast<std::size_t>(number) % rows.size();
    }
    [[nodiscard]] std::span<const Nanos> times_at(std::size_t row) const {
      return std::span(at).subspan(row * members.size(), members.size());
    }
    [[nodiscard]] std::span<const std::int32_t> order_at(std::size_t row) const {
      return std::span(order).subspan(row * members.size(), members.size());
    }
  };

  [[nodiscard]] Company* company(std::int32_t npu) {
    const std::int32_t index = company_of_[static_cast<std::size_t>(npu)];
    return index == kNone ? nullptr : &companies_[static_cast<std::size_t>(index)];
  }
  /// The row of a boundary to which a member has come; null: others are far ahead.
  [[nodiscard]] static Row* open_row(Company& company, std::int64_t number, std::int64_t copy);
  [[nodiscard]] bool find_period(Company& company, const Row& row) const;
  [[nodiscard]] static bool alike(const Company& company, std::size_t row, std::size_t earlier,
                                  Nanos length);
  [[nodiscard]] static std::optional<Nanos> first_after(const LeftOut& left_out, Nanos time);
  [[nodiscard]] static std::optional<Nanos> last_up_to(const LeftOut& left_out, Nanos limit);

  /// When a company's copies left out by its skip number `skip` are next seen.
  struct Upcoming {
    Nanos time;
    std::int32_t company = 0;
    std::int64_t skip = 0;
    friend bool operator>(const Upcoming& a, const Upcoming& b) { return a.time > b.time; }
  };
  void look_up(std::int32_t index, Nanos time) const;

  std::vector<Company> companies_;
  /// Of every company that has left copies out, its first time after `looked_up_`, or an earlier
  /// one; of others none.
  mutable std::priority_queue<Upcoming, std::vector<Upcoming>, std::greater<>> upcoming_;
  mutable Nanos looked_up_;
  std::vector<std::int32_t> company_of_, member_of_;  ///< by NPU
  std::vector<std::int32_t> due_;
  std::int64_t unit_ = 1;  ///< copies are skipped in multiples of it
  bool keeps_times_ = false;
};

}  // namespace lockstep
