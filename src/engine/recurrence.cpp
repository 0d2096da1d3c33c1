#include "engine/recurrence.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace lockstep {
namespace {

/// Where messages queue for links, or streams for each other, a copy leaves traces in the next.
bool copies_are_apart(const DeviceSimulatorSpec& spec) {
  return !spec.congestion_aware && spec.streams.dataset_splits <= 1 &&
         spec.streams.queues_per_dim <= 1;
}

/// Every second use of a tree stands on its head.
bool alternates(const CollectiveSettings& settings) {
  const auto is_ring = [](const CollectiveAlgorithm& algorithm) {
    return algorithm.family == CollectiveAlgorithm::Family::ring;
  };
  const std::array kinds = {settings.all_reduce, settings.all_gather, settings.all_to_all,
                            settings.reduce_scatter};
  return !std::ranges::all_of(kinds, is_ring) ||
         !std::ranges::all_of(settings.by_dimension, is_ring);
}

}  // namespace

bool copies_repeat(const DeviceSimulatorSpec& spec) {
  return copies_are_apart(spec) && !alternates(spec.collectives);
}

Recurrence::Recurrence(const DeviceSimulatorSpec& spec)
    : company_of_(static_cast<std::size_t>(spec.topology.num_npus()), kNone),
      member_of_(company_of_.size(), 0),
      unit_(alternates(spec.collectives) ? 2 : 1) {
  if (!copies_are_apart(spec)) {
    return;
  }
  std::size_t members = 0;
  for (const std::vector<std::int32_t>& npus : spec.companies) {
    Company& company = companies_.emplace_back();
    company.npus = npus;
    company.members.resize(npus.size());
    company.rows.resize(npus.size() == 1 ? kRowsAlone : kRows);
    company.at.resize(company.rows.size() * npus.size());
    company.order.resize(company.at.size());
    company.times.reserve(kUsualTimes);
    for (std::size_t member = 0; member < npus.size(); ++member) {
      const auto npu = static_cast<std::size_t>(npus[member]);
      ensure(company_of_.at(npu) == kNone, "an NPU in two companies");
      company_of_[npu] = static_cast<std::int32_t>(companies_.size()) - 1;
      member_of_[npu] = static_cast<std::int32_t>(member);
    }
    members += npus.size();
  }
  keeps_times_ =
      spec.skipped_times_matter && (companies_.size() > 1 || members < company_of_.size());
}

void Recurrence::at_boundary(std::int32_t npu, Nanos now, std::int64_t copy) {
  Company* company = this->company(npu);
  if (company == nullptr || !company->sound) {
    return;
  }
  const auto member = static_cast<std::size_t>(member_of_[static_cast<std::size_t>(npu)]);
  Member& state = company->members[member];
  const std::int64_t number = state.boundaries++;
  state.begun = copy == 0 ? number : state.begun;
  Row* row = open_row(*company, number, copy);
  if (row == nullptr) {
    return;
  }
  company->sound = row->copy == copy;
  const std::size_t first = company->row_of(number) * company->members.size();
  company->at[first + member] = now;
  company->order[first + row->there] = static_cast<std::int32_t>(member);
  if (++row->there < company->members.size() || !company->sound) {
    return;
  }
  if (copy == 0) {
    company->times.clear();  // no period begins earlier than here
  }
  if (find_period(*company, *row)) {
    due_.push_back(company_of_[static_cast<std::size_t>(npu)]);
  }
}

Recurrence::Row* Recurrence::open_row(Company& company, std::int64_t number, std::int64_t copy) {
  Row& row = company.rows[company.row_of(number)];
  const bool old = row.skips != company.skips;
  if (!old && row.number > number) {
    return nullptr;
  }
  if (old || row.number < number) {
    row = {number, copy, company.skips, 0};
  }
  return &row;
}

bool Recurrence::find_period(Company& company, const Row& row) const {
  const std::int64_t begun = row.number - row.copy;
  if (!std::ranges::all_of(company.members, [=](const auto& m) { return m.begun == begun; })) {
    return false;  // somebody is in a later loop already
  }
  const std::size_t place = company.row_of(row.number);
  for (std::int64_t copies = unit_; copies <= std::min(row.copy, kLongest); copies += unit_) {
    const std::size_t before = company.row_of(row.number - copies);
    const Row& earlier = company.rows[before];
    if (earlier.number != row.number - copies || earlier.there != row.there ||
        earlier.skips != row.skips) {  // a row of before a skip says nothing about one after it
      continue;
    }
    const Nanos length = company.times_at(place).front() - company.times_at(before).front();
    if (length > Nanos{0} && alike(company, place, before, length)) {
      company.period = {copies, length};
      return true;
    }
  }
  return false;
}

/// All members come later by the same time. Who of those that come together comes first decides
/// later who is served first.
bool Recurrence::alike(const Company& company, std::size_t row, std::size_t earlier, Nanos length) {
  const auto later_by_length = [=](Nanos now, Nanos then) { return now - then == length; };
  return std::ranges::equal(company.order_at(row), company.order_at(earlier)) &&
         std::ranges::equal(company.times_at(row), company.times_at(earlier), later_by_length);
}

void Recurrence::happens(std::int32_t npu, Nanos now) {
  Company* company = this->company(npu);
  if (company == nullptr || !company->sound ||
      (!company->times.empty() && company->times.back() == now)) {
    return;
  }
  company->times.push_back(now);
  if (company->times.size() > kMostTimes) {
    company->sound = false;
    company->times = {};
  }
}

void Recurrence::couple(std::int32_t a, std::int32_t b) {
  Company* one = company(a);
  Company* other = company(b);
  if (one != other) {
    if (one != nullptr) {
      one->sound = false;
    }
    if (other != nullptr) {
      other->sound = false;
    }
  }
}

std::span<const std::int32_t> Recurrence::members(std::int32_t company) const {
  return companies_[static_cast<std::size_t>(company)].npus;
}

Recurrence::Period Recurrence::period(std::int32_t company) const {
  return companies_[static_cast<std::size_t>(company)].period;
}

void Recurrence::skipped(std::int32_t index, Nanos now, std::int64_t periods) {
  Company& company = companies_[static_cast<std::size_t>(index)];
  const Nanos begun = now - company.period.length;
  company.left_out = {now, company.period.length, periods, std::move(company.left_out.offsets)};
  company.left_out.offsets.clear();
  for (const Nanos time : company.times) {
    if (time > begun) {
      company.left_out.offsets.push_back(time - begun);
    }
  }
  ++company.skips;  // the rows so far are forgotten; numbers go on, for members that are ahead
  look_up(index, looked_up_);
}

void Recurrence::look_up(std::int32_t index, Nanos time) const {
  const Company& company = companies_[static_cast<std::size_t>(index)];
  if (const auto found = first_after(company.left_out, time); found && keeps_times_) {
    upcoming_.push({*found, index, company.skips});
  }
}

void Recurrence::switch_off() {
  companies_.clear();
  std::ranges::fill(company_of_, kNone);
}

std::optional<Nanos> Recurrence::first_after(const LeftOut& left_out, Nanos time) {
  if (left_out.offsets.empty()) {
    return std::nullopt;
  }
  const std::int64_t past = std::max<std::int64_t>(0, (time - left_out.base).count());
  const std::int64_t period = left_out.period.count();
  const Nanos within{past % period};
  const auto found = std::ranges::upper_bound(left_out.offsets, within);
  // The last offset is the period itself, and so above everything within it.
  ensure(found != left_out.offsets.end(), "a period without an end");
  return past / period < left_out.periods
             ? std::optional(left_out.base + left_out.period * (past / period) + *found)
             : std::nullopt;
}

std::optional<Nanos> Recurrence::last_up_to(const LeftOut& left_out, Nanos limit) {
  if (left_out.offsets.empty() || limit <= left_out.base) {
    return std::nullopt;
  }
  const Nanos end = left_out.base + left_out.period * left_out.periods;
  const std::int64_t past = (std::min(limit, end) - left_out.base).count();
  const std::int64_t period = left_out.period.count();
  const std::int64_t whole = past / period;
  const auto after = std::ranges::upper_bound(left_out.offsets, Nanos{past % period});
  if (after != left_out.offsets.begin()) {
    return left_out.base + left_out.period * whole + *(after - 1);
  }
  return whole > 0 ? std::optional(left_out.base + left_out.period * whole) : std::nullopt;
}

std::optional<Nanos> Recurrence::next_time(Nanos time) const {
  if (time < looked_up_) {  // somebody had looked ahead
    upcoming_ = {};
    for (std::size_t index = 0; index < companies_.size(); ++index) {
      look_up(static_cast<std::int32_t>(index), time);
    }
  }
  looked_up_ = time;
  while (!upcoming_.empty()) {
    const Upcoming next = upcoming_.top();
    const bool holds = next.skip == companies_[static_cast<std::size_t>(next.company)].skips;
    if (holds && next.time > time) {
      return next.time;
    }
    upcoming_.pop();
    if (holds) {
      look_up(next.company, time);
    }
  }
  return std::nullopt;
}

std::optional<Nanos> Recurrence::last_time(Nanos time, Nanos limit) const {
  std::optional<Nanos> last;
  if (keeps_times_) {
    for (const Company& company : companies_) {
      const auto found = last_up_to(company.left_out, limit);
      last = found && *found > time && (!last || *found > *last) ? found : last;
    }
  }
  return last;
}

}  // namespace lockstep
